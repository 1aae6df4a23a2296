"""What goes upstream: the client's JSON with as little changed as can be."""

import pytest

from llmwrap.canonical.messages import Operation
from llmwrap.dialects.base import Call
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import InvalidJson
from tests.dialects.requests import OLDER, read

DIALECT = OpenAI()
USER = b'[{"role":"user","content":"hi"}]'


def _sent(
    body: bytes, operation: Operation = "chat", model: str = "up", **defaults: float
) -> bytes:
    return DIALECT.render_call(read(operation, body), model, defaults).body


def test_plain_chat_is_one_post_of_json() -> None:
    request = read("chat", b'{"model":"m","messages":' + USER + b"}")
    assert DIALECT.render_call(request, "up", {}) == Call(
        "POST",
        "/chat/completions",
        (("Content-Type", "application/json"), ("Accept", "application/json")),
        b'{"model":"up","messages":' + USER + b"}",
    )


@pytest.mark.parametrize(
    ("operation", "body", "path"),
    [
        ("chat", b'{"messages":' + USER + b"}", "/chat/completions"),
        ("text_completion", b'{"prompt":"p"}', "/completions"),
        ("embeddings", b'{"input":"t"}', "/embeddings"),
    ],
)
def test_each_operation_has_its_path(
    operation: Operation, body: bytes, path: str
) -> None:
    call = DIALECT.render_call(read(operation, body), "up", {})
    assert (call.method, call.path) == ("POST", path)


def test_field_order_number_kinds_and_characters_are_kept() -> None:
    body = (
        '{"zeta":1,"seed":9007199254740993,"top_k":1.0,"model":"m","u":"é\u2028\U0001f642",'
        '"messages":[{"content":"hi","role":"user"}],"min_p":1e-7,"alpha":[{"b":1,"a":2}]}'
    ).encode()
    assert _sent(body) == body.replace(b'"model":"m"', b'"model":"up"')


def test_white_space_and_escapes_are_written_plainly() -> None:
    body = b' { "model" : "m" , "messages" : ' + USER + b', "u" : "\\u00e9\\/" }\n'
    assert _sent(body) == (b'{"model":"up","messages":' + USER + b',"u":"\xc3\xa9/"}')


def test_of_doubled_keys_only_the_last_goes_on() -> None:
    body = b'{"model":"a","messages":' + USER + b',"seed":1,"model":"b","seed":2}'
    request = read("chat", body)
    assert request.model == "b"
    assert DIALECT.render_call(request, "b", {}).body == (
        b'{"model":"b","messages":' + USER + b',"seed":2}'
    )


def test_missing_model_name_goes_to_the_end() -> None:
    assert _sent(b'{"messages":' + USER + b"}") == (
        b'{"messages":' + USER + b',"model":"up"}'
    )


def test_stream_asks_for_usage_though_the_client_did_not() -> None:
    request = read("chat", b'{"model":"m","stream":true,"messages":' + USER + b"}")
    call = DIALECT.render_call(request, "up", {})
    assert call.headers == (
        ("Content-Type", "application/json"),
        ("Accept", "text/event-stream"),
    )
    assert call.body == (
        b'{"model":"up","stream":true,"messages":'
        + USER
        + b',"stream_options":{"include_usage":true}}'
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (b'{"include_usage":false}', b'{"include_usage":true}'),
        (
            b'{"include_usage":false,"continuous_usage_stats":true}',
            b'{"include_usage":true,"continuous_usage_stats":true}',
        ),
        (
            b'{"include_obfuscation":false}',
            b'{"include_obfuscation":false,"include_usage":true}',
        ),
    ],
)
def test_stream_options_are_merged_in_their_place(options: bytes, sent: bytes) -> None:
    head, tail = b'{"stream_options":', b',"stream":true,"prompt":"p","model":"m"}'
    body = head + options + tail
    assert _sent(body, "text_completion", model="m") == head + sent + tail


def test_embeddings_never_ask_for_stream_usage() -> None:
    body = b'{"model":"up","input":[1,2],"stream":true}'
    assert _sent(body, "embeddings") == body


def test_defaults_fill_what_the_client_left_out() -> None:
    body = b'{"model":"up","messages":' + USER
    assert _sent(body + b"}", temperature=0.7, top_p=1.0) == (
        body + b',"temperature":0.7,"top_p":1.0}'
    )
    assert _sent(body + b',"temperature":null}', temperature=0.7) == (
        body + b',"temperature":0.7}'
    )
    assert _sent(body + b',"temperature":0}', temperature=0.7) == (
        body + b',"temperature":0}'
    )


def test_request_is_not_changed_by_rendering() -> None:
    request = read("chat", b'{"stream":true,"messages":' + USER + b"}", OLDER)
    DIALECT.render_call(request, "up", request.defaults)
    assert request.body == {
        "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_body_that_nests_deeper_than_can_be_written_is_refused() -> None:
    deep = b"[" * 255 + b"]" * 255
    request = read("chat", b'{"messages":' + USER + b',"x":' + deep + b"}")
    with pytest.raises(InvalidJson, match="the body cannot be passed on"):
        DIALECT.render_call(request, "up", {})


def test_key_is_sent_as_bearer_and_no_key_as_nothing() -> None:
    assert DIALECT.credentials("sk-1") == (("Authorization", "Bearer sk-1"),)
    assert DIALECT.credentials("") == ()


def test_models_are_asked_for_with_a_get() -> None:
    assert DIALECT.models_call() == Call(
        "GET", "/models", (("Accept", "application/json"),), b""
    )
