"""Which bytes leave for which bytes that came: a frame is written anew only for a reason."""

import orjson
import pytest

from llmwrap.canonical.events import Usage
from llmwrap.canonical.messages import Request
from llmwrap.dialects.openai.stream import StreamEncoder
from llmwrap.errors import RateLimited, UpstreamDisconnected, UpstreamTimeout
from tests.dialects.streams import STAMP, run_stream, stream_request

DELTA = (
    b'{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}'
)
FRAME = b"data: " + DELTA + b"\n\n"
USAGE_TAIL = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
    b"\n\n"
)
USAGE_BESIDE_CHOICES = (
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"m",'
    b'"usage":{"prompt_tokens":1,"completion_tokens":2},'
    b'"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
)
NO_USE = Request("chat", "m", stream=True, body={})
WITH_USAGE = Request("chat", "m", stream=True, body={}, usage_asked=True)


def _sent(stream: bytes, request: Request = NO_USE) -> bytes:
    """What leaves for `stream` before its end."""
    told = run_stream(request, [stream, b"data: [DONE]\n\n"])
    assert told.failure is None
    assert told.sent.endswith(b"data: [DONE]\n\n")
    return told.sent.removesuffix(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        b'data: { "model" : "m", "object" : "chat.completion.chunk", "choices" : [] }\n\n',
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[],"usage":null}\n\n',
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[],"x":[1.0,1e2]}\n\n',
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[],"x":"\\u00e9"}\n\n',
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[],'
        b'"x":"\xe2\x80\xa8\xc3\xa9"}\n\n',
        b'data:  {"object":"chat.completion.chunk","model":"m","choices":[]} \n\n',
    ],
    ids=["delta", "spaces", "null-usage", "numbers", "escapes", "utf-8", "two-spaces"],
)
def test_frame_without_a_reason_leaves_as_it_came(frame: bytes) -> None:
    assert _sent(frame) == frame


def test_several_frames_of_one_read_leave_as_they_came() -> None:
    assert _sent(FRAME * 3) == FRAME * 3


def test_usage_that_was_asked_for_leaves_as_it_came() -> None:
    assert _sent(USAGE_TAIL, WITH_USAGE) == USAGE_TAIL
    assert _sent(USAGE_BESIDE_CHOICES, WITH_USAGE) == USAGE_BESIDE_CHOICES


def test_other_model_name_becomes_the_one_asked_for_in_its_place() -> None:
    came = b'data: {"object":"chat.completion.chunk", "model":"/srv/m.gguf", "choices":[]}\n\n'
    assert _sent(came, stream_request(model="alias")) == (
        b'data: {"object":"chat.completion.chunk","model":"alias","choices":[]}\n\n'
    )


def test_missing_model_name_is_added() -> None:
    came = b'data: {"object":"chat.completion.chunk","choices":[]}\n\n'
    assert _sent(came) == (
        b'data: {"object":"chat.completion.chunk","choices":[],"model":"m"}\n\n'
    )


def test_written_anew_keeps_number_kinds_key_order_and_characters() -> None:
    came = (
        b'data: {"z":1.0,"a":1,"model":"x","object":"chat.completion.chunk",'
        b'"choices":[],"s":"\\u00fc\\n"}\n\n'
    )
    assert _sent(came) == (
        b'data: {"z":1.0,"a":1,"model":"m","object":"chat.completion.chunk",'
        b'"choices":[],"s":"\xc3\xbc\\n"}\n\n'
    )


def test_usage_chunk_is_hidden_from_who_did_not_ask() -> None:
    assert _sent(FRAME + USAGE_TAIL) == FRAME


def test_usage_beside_choices_is_taken_out_for_who_did_not_ask() -> None:
    assert _sent(USAGE_BESIDE_CHOICES) == (
        b'data: {"id":"c1","object":"chat.completion.chunk","model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    )


def test_hidden_usage_is_noted_all_the_same() -> None:
    usage = run_stream(NO_USE, [USAGE_TAIL, b"data: [DONE]\n\n"]).usage
    assert usage
    assert (usage.prompt, usage.completion, usage.total) == (1, 2, 3)


def test_wrong_object_is_put_right() -> None:
    came = b'data: {"object":"chat.completion","model":"m","choices":[]}\n\n'
    assert _sent(came) == (
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[]}\n\n'
    )


def test_text_completion_has_its_own_object() -> None:
    request = Request("text_completion", "m", stream=True, body={})
    right = b'data: {"object":"text_completion","model":"m","choices":[]}\n\n'
    assert _sent(right, request) == right
    wrong = b'data: {"object":"chat.completion.chunk","model":"m","choices":[]}\n\n'
    assert _sent(wrong, request) == right


def test_data_on_several_lines_is_put_on_one() -> None:
    came = b'data: {"object":"chat.completion.chunk",\ndata: "model":"m",\ndata:"choices":[]}\n\n'
    assert _sent(came) == (
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[]}\n\n'
    )


@pytest.mark.parametrize(
    "came",
    [
        b": OPENROUTER PROCESSING\n" + FRAME,
        b": keep-alive\n\n" + FRAME,
        b":\n\n:\n\n" + FRAME,
        b"id: 7\n" + FRAME,
        b"id: 7\n\n" + FRAME,
        b"retry: 3000\n\n" + FRAME,
        b"event: chunk\n" + FRAME,
        b"event: message\n" + FRAME,
        b"event: ping\n\n" + FRAME,
        b"x-unknown: 1\n" + FRAME,
        b"\n\n\n" + FRAME + b"\n\n",
        b"\xef\xbb\xbf" + FRAME,
        b"data: " + DELTA + b"\r\n\r\n",
        b"data: " + DELTA + b"\r\r",
        b"data:" + DELTA + b"\n\n",
        b"data: " + DELTA + b"\n: end\n\n",
    ],
)
def test_only_the_data_line_of_a_frame_leaves(came: bytes) -> None:
    assert _sent(came) == FRAME


def test_unknown_event_name_without_choices_is_dropped() -> None:
    assert _sent(b'event: ping\ndata: {"type":"ping"}\n\n' + FRAME) == FRAME


def test_event_named_error_is_an_error_whatever_it_holds() -> None:
    told = run_stream(NO_USE, [FRAME + b'event: error\ndata: {"message":"boom"}\n\n'])
    assert told.sent == FRAME
    assert told.failure
    assert told.failure[1:] == (502, "upstream_error", "boom")


USAGE = b'"usage":{"prompt_tokens":1,"completion_tokens":2}'


@pytest.mark.parametrize(
    "event",
    [
        b"data: {" + USAGE + b"}\n\n",
        b'data: {"choices":null,' + USAGE + b"}\n\n",
        b"{" + USAGE + b"}\n",
        b"event: usage\ndata: {" + USAGE + b"}\n\n",
    ],
)
def test_event_of_usage_alone_is_a_chunk_without_choices(event: bytes) -> None:
    pieces = [FRAME + event + b"data: [DONE]\n\n"]
    told = run_stream(WITH_USAGE, pieces)
    assert told.failure is None
    assert told.usage == Usage(1, 2)
    sent = told.sent.removeprefix(FRAME).removesuffix(b"\n\ndata: [DONE]\n\n")
    assert orjson.loads(sent.removeprefix(b"data: ")) == {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    assert run_stream(NO_USE, pieces).sent == FRAME + b"data: [DONE]\n\n"


@pytest.mark.parametrize("event", [b"{}", b'{"usage":null}', b'{"choices":null}'])
def test_event_that_says_nothing_is_a_protocol_error(event: bytes) -> None:
    failure = run_stream(NO_USE, [b"data: " + event + b"\n\n"]).failure
    assert failure
    assert failure[3] == "the upstream sent an event without choices"


def test_timings_of_llama_cpp_count_at_the_end() -> None:
    last = FRAME.replace(b'"finish_reason":null', b'"finish_reason":"stop"')
    timings = b'"timings":{"prompt_n":3,"cache_n":4,"predicted_n":2},"created"'
    last = last.replace(b'"created"', timings)
    told = run_stream(NO_USE, [last + b"data: [DONE]\n\n"])
    assert told.usage == Usage(7, 2, 4)
    assert told.sent == last + b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "line", [b'{"error":{"message":"boom"}}\n', b'{"error":"boom"}\n\n']
)
def test_bare_line_with_an_error_is_a_failure(line: bytes) -> None:
    last = FRAME.replace(b'"finish_reason":null', b'"finish_reason":"stop"')
    told = run_stream(NO_USE, [last, line, b"data: [DONE]\n\n"])
    assert told.sent == last
    assert told.failure
    assert told.failure[1:] == (502, "upstream_error", "boom")


def test_bare_line_leaves_as_an_event() -> None:
    assert _sent(DELTA + b"\n" + FRAME + DELTA + b"\n") == FRAME * 3


def test_nothing_follows_done() -> None:
    told = run_stream(
        NO_USE, [FRAME + b"data: [DONE]\n\n" + FRAME + b"data: [DONE]\n\n"]
    )
    assert told.sent == FRAME + b"data: [DONE]\n\n"


def test_missing_done_is_added_after_a_finish() -> None:
    last = FRAME.replace(b'"finish_reason":null', b'"finish_reason":"stop"')
    assert run_stream(NO_USE, [last]).sent == last + b"data: [DONE]\n\n"


def test_frame_that_nests_too_deep_to_be_written_is_a_protocol_error() -> None:
    deep = b"[" * 300 + b"]" * 300
    told = run_stream(NO_USE, [FRAME + b'data: {"choices":[],"x":' + deep + b"}\n\n"])
    assert told.sent == FRAME
    assert told.failure
    assert told.failure[1:] == (
        502,
        "upstream_protocol_error",
        "the upstream sent JSON that nests too deep",
    )


def test_frame_that_nests_deep_passes_unchanged() -> None:
    deep = b"[" * 300 + b"]" * 300
    frame = (
        b'data: {"object":"chat.completion.chunk","model":"m","choices":[],"x":'
        + deep
        + b"}\n\n"
    )
    assert _sent(frame) == frame


def test_heartbeat_is_a_comment_that_does_not_look_like_a_ping() -> None:
    assert StreamEncoder(NO_USE, STAMP).heartbeat() == b": keep-alive\n\n"


def test_terminal_error_is_one_nested_event_without_done() -> None:
    encoder = StreamEncoder(NO_USE, STAMP)
    assert encoder.fail(UpstreamDisconnected("the upstream closed")) == (
        b'data: {"error":{"message":"the upstream closed","type":"upstream_error",'
        b'"param":null,"code":"upstream_disconnected"}}\n\n'
    )
    assert encoder.fail(UpstreamTimeout("the idle timeout of 30 s passed")) == (
        b'data: {"error":{"message":"the idle timeout of 30 s passed",'
        b'"type":"upstream_error","param":null,"code":"upstream_timeout"}}\n\n'
    )
    assert encoder.fail(RateLimited("slower", param="model")) == (
        b'data: {"error":{"message":"slower","type":"rate_limit_error",'
        b'"param":"model","code":"rate_limit_exceeded"}}\n\n'
    )


def test_stream_is_sent_as_utf_8_event_stream() -> None:
    assert (
        StreamEncoder(NO_USE, STAMP).content_type == "text/event-stream; charset=utf-8"
    )
