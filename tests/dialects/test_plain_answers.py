"""Plain answers, model lists and error bodies of the OpenAI dialect."""

from typing import Any

import orjson
import pytest

from llmwrap import errors
from llmwrap.canonical.events import (
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.base import Model
from llmwrap.dialects.openai import OpenAI
from tests.dialects.requests import NEWER, OLDER

DIALECT = OpenAI()
CHAT = Request("chat", "m", stream=False, body={})


def _events(**fields: Any) -> tuple[Event, ...]:
    """The events of a chat answer with these fields."""
    return DIALECT.pass_answer(CHAT, orjson.dumps({"choices": [], **fields}))[1]


def _choice(message: dict[str, Any], **fields: Any) -> tuple[Event, ...]:
    return _events(choices=[{"index": 0, "message": message, **fields}])


def test_right_answer_leaves_as_it_came() -> None:
    body = (
        b'{ "id":"c", "object":"chat.completion", "model":"m", "x":1.0,'
        b' "choices":[{"index":0,"message":{"role":"assistant","content":"\\u00e9"}}] }\n'
    )
    assert DIALECT.pass_answer(CHAT, body) == (body, (TextDelta(0, "é"),))


@pytest.mark.parametrize(
    ("operation", "name"),
    [("chat", "chat.completion"), ("text_completion", "text_completion")],
)
def test_model_and_object_are_put_right_and_nothing_else(
    operation: Operation, name: str
) -> None:
    body = b'{"model":"/srv/m.gguf","x":1.0,"choices":[],"object":"wrong","y":{"b":1,"a":2}}'
    request = Request(operation, "alias", stream=False, body={})
    assert DIALECT.pass_answer(request, body)[0] == (
        b'{"model":"alias","x":1.0,"choices":[],"object":"%s","y":{"b":1,"a":2}}'
        % name.encode()
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the upstream sent an answer that is not JSON"),
        (b"<html>", "the upstream sent an answer that is not JSON"),
        (b'{"choices":[nan]}', "the upstream sent an answer that is not JSON"),
        (b"[]", "the upstream sent an answer that is no object"),
        (b"{}", "the upstream sent an answer without choices"),
        (b'{"choices":{}}', "the upstream sent an answer without choices"),
        (
            b'{"choices":null,"error":null}',
            "the upstream sent an answer without choices",
        ),
        (
            b'{"choices":[],"x":' + b"[" * 300 + b"]" * 300 + b"}",
            "the upstream sent JSON that nests too deep",
        ),
    ],
)
def test_what_is_no_answer_is_a_protocol_error(body: bytes, message: str) -> None:
    with pytest.raises(errors.UpstreamProtocolError) as caught:
        DIALECT.pass_answer(CHAT, body)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("message", "events"),
    [
        ({"content": "Hi"}, (TextDelta(0, "Hi"),)),
        ({"content": None, "refusal": "No."}, (TextDelta(0, "No."),)),
        (
            {"reasoning_content": "Hm", "content": "A"},
            (ReasoningDelta(0, "Hm"), TextDelta(0, "A")),
        ),
        ({"reasoning": "Hm", "reasoning_content": "Hm"}, (ReasoningDelta(0, "Hm"),)),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
            (ToolCallDelta(0, 0, "c", "f", "{}"),),
        ),
        (
            {
                "tool_calls": [
                    {"id": "a"},
                    {"id": "b", "custom": {"name": "g", "input": "x"}},
                ]
            },
            (ToolCallDelta(0, 0, "a", "", ""), ToolCallDelta(0, 1, "b", "g", "x")),
        ),
        (
            {"function_call": {"name": "f", "arguments": "1"}},
            (ToolCallDelta(0, 0, "", "f", "1"),),
        ),
        ({"audio": {"transcript": "Hello"}}, (TextDelta(0, "Hello"),)),
        ({"content": "", "tool_calls": []}, ()),
        ({"content": None, "tool_calls": 5, "audio": 1}, ()),
    ],
)
def test_message_is_told_as_events(message: Any, events: tuple[Event, ...]) -> None:
    assert _choice(message) == events


def test_every_choice_ends_with_its_own_reason() -> None:
    choices = [
        {"index": 1, "message": {"content": "B"}, "finish_reason": "length"},
        {"index": 0, "text": "A", "finish_reason": "stop"},
        {"finish_reason": None},
        "no object",
    ]
    assert _events(choices=choices) == (
        TextDelta(1, "B"),
        Finished(1, "length"),
        TextDelta(0, "A"),
        Finished(0, "stop"),
    )


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, Usage(3, 2)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            Usage(9, 8, 4, 6),
        ),
        ({"prompt_tokens": 3, "prompt_tokens_details": None}, Usage(3)),
        ({"prompt_tokens": 3, "prompt_tokens_details": [1]}, Usage(3)),
        ({"prompt_tokens": "3", "completion_tokens": -1, "x": 1.5}, Usage()),
    ],
)
def test_usage_is_read_leniently(told: dict[str, Any], usage: Usage) -> None:
    assert _events(usage=told) == (UsageReported(usage),)


def test_timings_of_llama_cpp_count_where_no_usage_is_told() -> None:
    timings = {"prompt_n": 3, "cache_n": 4, "predicted_n": 2, "predicted_ms": 1.5}
    assert _events(timings=timings) == (UsageReported(Usage(7, 2, 4)),)
    assert _events(timings=timings, usage={"prompt_tokens": 9}) == (
        UsageReported(Usage(9)),
    )
    assert _events(timings={"predicted_ms": 1.5}) == ()
    assert _events(timings=[3]) == ()


@pytest.mark.parametrize("told", [None, {}, [], "7", 7])
def test_no_usage_is_no_event(told: Any) -> None:
    assert _events(usage=told) == ()


def test_models_are_read_from_a_list_object_or_a_bare_array() -> None:
    rows = (
        b'[{"id":"a","created":5,"max_model_len":9},{"id":"b"},{"id":""},{"id":1},{},7]'
    )
    models = (
        Model("a", 5, {"id": "a", "created": 5, "max_model_len": 9}),
        Model("b", 0, {"id": "b"}),
    )
    assert DIALECT.read_models(b'{"object":"list","data":' + rows + b"}") == models
    assert DIALECT.read_models(rows) == models
    assert DIALECT.read_models(b'{"data":[]}') == ()


@pytest.mark.parametrize("created", [b"-1", b"1.5", b'"5"', b"null", b"true"])
def test_created_that_is_no_time_is_unknown(created: bytes) -> None:
    (model,) = DIALECT.read_models(b'[{"id":"a","created":' + created + b"}]")
    assert model.created == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "the model list is not JSON"),
        (b"", "the model list is not JSON"),
        (b"{}", "the model list has no data"),
        (b'{"data":{}}', "the model list has no data"),
        (b"7", "the model list has no data"),
    ],
)
def test_what_is_no_model_list_is_a_protocol_error(body: bytes, message: str) -> None:
    with pytest.raises(errors.UpstreamProtocolError) as caught:
        DIALECT.read_models(body)
    assert caught.value.message == message


def test_error_body_has_the_four_keys_and_repeats_the_message() -> None:
    error = errors.InvalidRequest('n is 0 "é"', param="n")
    assert DIALECT.render_error(error, NEWER) == (
        400,
        (("Content-Type", "application/json"),),
        b'{"error":{"message":"n is 0 \\"\xc3\xa9\\"","type":"invalid_request_error",'
        b'"param":"n","code":"invalid_value"},"detail":"n is 0 \\"\xc3\xa9\\""}',
    )


@pytest.mark.parametrize(
    ("error", "newer", "older"),
    [
        (errors.UpstreamError("x"), 502, 500),
        (errors.UpstreamAuthFailed("x"), 502, 500),
        (errors.UpstreamTimeout("x"), 504, 500),
        (errors.ModelLoading("x"), 503, 500),
        (errors.UpstreamRateLimited("x"), 429, 429),
        (errors.EmptyAnswer("x"), 422, 422),
        (errors.UpstreamRefusal(501, "c", "x"), 501, 501),
        (errors.UpstreamRefusal(404, "c", "x"), 404, 404),
        (errors.Overloaded("x"), 503, 503),
        (errors.NoHealthyUpstream("x"), 503, 503),
        (errors.GatewayFault("x"), 500, 500),
        (errors.Unauthenticated("x"), 401, 401),
    ],
)
def test_older_documents_know_upstream_failures_as_500(
    error: errors.GatewayError, newer: int, older: int
) -> None:
    assert DIALECT.render_error(error, NEWER)[0] == newer
    assert DIALECT.render_error(error, OLDER)[0] == older
