"""What a request is taken to cost before it is read: its length, and a bound that bounds."""

import pytest

from llmwrap.auth.estimates import estimate_tokens

CHAT = "/v1/chat/completions"
NATIVE = "/ollama/api/chat"
LONG = b"x" * 4_000_000


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (CHAT, b"", 512),
        (CHAT, b"x" * 400, 512),
        (CHAT, b"[7]", 512),
        (CHAT, b'{"max_tokens": 7}', 7),
        (CHAT, b'{"max_tokens": 0}', 0),
        (CHAT, b'{"max_completion_tokens":7}', 7),
        ("/api/v1/completions", b'{"max_tokens":7}', 7),
        ("/v1/messages", b'{"max_tokens":7}', 7),
        ("/v1/responses", b'{"max_output_tokens":7}', 7),
        (NATIVE, b'{"options":{"num_predict":7}}', 7),
        ("/ollama/api/generate", b'{"options":{"num_predict":7.0}}', 7),
        ("/ollama/v1/chat/completions", b'{"max_tokens":7}', 7),
        (NATIVE, b'{"options":{"num_predict":-1}}', 512),
        (NATIVE, b'{"options":{"num_predict":0}}', 512),
        (NATIVE, b'{"options":7}', 512),
        (CHAT, b'{"max_tokens":null}', 512),
        (CHAT, b'{"max_tokens":true}', 512),
        (CHAT, b'{"max_tokens":"7"}', 512),
        (CHAT, b'{"max_tokens":12345678}', 12_345_678),
    ],
)
def test_an_answer_is_as_long_as_its_bound(path, body, answer):
    assert estimate_tokens(path, body).answer == answer


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (CHAT, b'{"metadata":{"max_tokens":1}}', 512),
        (CHAT, b'{"metadata":{"max_tokens":1},"max_tokens":9000}', 9000),
        (CHAT, b'{"max_tokens":1,"max_\\u0074okens":9000}', 9000),
        (CHAT, b'{"max_tokens":1,"max_completion_tokens":9000}', 9000),
        (CHAT, b'{"max_completion_tokens":1,"max_tokens":9000}', 9000),
        (CHAT, b'{"max_output_tokens":1}', 512),
        (CHAT, b'{"options":{"num_predict":1}}', 512),
        ("/v1/completions", b'{"max_completion_tokens":1}', 512),
        (NATIVE, b'{"max_tokens":1}', 512),
        (NATIVE, b'{"num_predict":1}', 512),
        (CHAT, b'{"metadata":{"max_tokens":1},"prompt":"' + LONG + b'"}', 512),
        (CHAT, b'{"max_tokens":1,"p":"' + LONG + b'","max_tokens":9000}', 9000),
        (CHAT, b'{"max_tokens":9000,"p":"' + LONG + b'","a":{"max_tokens":1}}', 9000),
    ],
)
def test_what_does_not_bound_an_answer_makes_it_no_cheaper(path, body, answer):
    assert estimate_tokens(path, body).answer == answer


@pytest.mark.parametrize(
    ("body", "prompt"), [(b"", 0), (b"x" * 400, 100), (LONG, 32_768)]
)
def test_a_prompt_costs_by_its_length(body, prompt):
    assert estimate_tokens(CHAT, body).prompt == prompt
