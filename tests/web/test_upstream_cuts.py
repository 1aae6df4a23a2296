"""Streams that break after their first byte: one error event, no other upstream (C39, C40)."""

import threading

import pytest

from tests.fakes import (
    LAST_CHUNK,
    Step,
    chat_chunk,
    chunked,
    close,
    done,
    head,
    rst,
    send,
    sse,
    sse_head,
    wait,
)
from tests.web.faults import Pair
from tests.web.surface import Body, checked, frames, payloads

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"

ROLE = sse(chat_chunk({"role": "assistant", "content": ""}) | {"model": "MODEL"})
TEXT = sse(chat_chunk({"content": "a"}) | {"model": "MODEL"})
FINISH = sse(chat_chunk({}, "stop") | {"model": "MODEL"})


def named(frame: bytes, pair: Pair) -> bytes:
    return frame.replace(b"MODEL", pair.model.encode())


def cut(steps: list[bytes], gate: threading.Event, *ending: Step) -> list[Step]:
    """What is sent at once, and how it ends when the client has it."""
    return [*map(send, steps), wait(gate), *ending]


CUTS = {
    "reset": rst(),
    "closed_without_the_last_chunk": close(),
    "ended_in_order_without_a_finish": send(LAST_CHUNK),
    "half_a_frame": send(chunked(TEXT[:30]) + LAST_CHUNK),
    "bad_chunk": send(b"zz\r\n"),
    "not_json": send(chunked(b"data: {bad\n\n")),
    "no_object": send(chunked(b"data: 1\n\n")),
    "bad_utf_8": send(chunked(b'data: {"choices":[],"x":"\xff"}\n\n')),
    "no_choices": send(chunked(b'data: {"id":"x"}\n\n')),
    "giant_frame": send(chunked(b"data: " + b"x" * 2_000_000)),
    "error_nested": send(chunked(sse({"error": {"message": "boom", "code": 500}}))),
    "error_flat": send(chunked(sse({"object": "error", "message": "boom"}))),
    "error_text": send(chunked(sse({"error": "boom"}))),
    "error_named": send(chunked(b"event: error\n" + sse({"error": "boom"}))),
    "error_and_done": send(chunked(sse({"error": "boom"}) + done()) + LAST_CHUNK),
}


def broken_stream(pair: Pair, route: str, name: str) -> tuple[list[bytes], Body]:
    """The frames before the break at `name`, and the error event, which is the last one."""
    gate = threading.Event()
    sent = [named(frame, pair) for frame in (ROLE, TEXT)]
    start = [sse_head(), *map(chunked, sent)]
    pair.first.fake.chat(cut(start, gate, CUTS[name], close()))
    with pair.gateway.post(route, pair.body(stream=True), stream=True) as answer:
        assert answer.status_code == 200
        arriving = frames(answer)
        received = [next(arriving), next(arriving)]
        gate.set()
        (last,) = arriving
    assert received == sent
    (event,) = payloads(last)
    assert set(event) == {"error"}
    return received, checked(event["error"])


@pytest.mark.parametrize("route", [NEW, OLD])
@pytest.mark.parametrize("name", CUTS)
def test_stream_that_breaks_ends_with_one_error_and_no_done(
    pair: Pair, name: str, route: str
) -> None:
    """C39, C40: what came is delivered, the body ends in order, nobody else is asked."""
    _, error = broken_stream(pair, route, name)
    assert error["type"] == "upstream_error"
    if name.startswith("error"):
        assert (error["message"], error["code"]) == ("boom", "upstream_error")
    elif name in ("reset", "closed_without_the_last_chunk"):
        assert error["code"] == "upstream_disconnected"
    else:
        assert error["code"] in ("upstream_protocol_error", "upstream_disconnected")
    assert pair.asked == (1, 0)


def test_break_is_in_the_log_with_its_outcome(pair: Pair) -> None:
    gate = threading.Event()
    pair.first.fake.chat(cut([sse_head() + chunked(TEXT)], gate, rst()))
    body = pair.body(stream=True)
    with pair.gateway.post(NEW, body, stream=True) as answer:
        arriving = frames(answer)
        next(arriving)
        gate.set()
        list(arriving)
    line = pair.gateway.logged(answer.headers["x-request-id"])
    assert line["status"] == 200
    assert line["outcome"] == "upstream_abort"
    assert line["error"] == "upstream_disconnected"
    assert line["attempts"] == 1


HTTP_1_0 = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
TOO_LONG = head(200, ("Content-Type", "text/event-stream"), ("Content-Length", "9999"))


@pytest.mark.parametrize("start", [HTTP_1_0, TOO_LONG])
def test_silent_end_in_the_middle_is_an_error(pair: Pair, start: bytes) -> None:
    """An end that HTTP calls clean, or nearly so, is none of the protocol."""
    pair.first.fake.chat([send(start), send(named(ROLE + TEXT, pair)), close()])
    answer = pair.gateway.post(NEW, pair.body(stream=True))
    *chunks, last = payloads(answer.content)
    assert len(chunks) == 2
    assert checked(last["error"])["type"] == "upstream_error"
    assert pair.asked == (1, 0)


def test_answer_that_ends_with_its_connection_is_whole_once_it_is_finished(
    pair: Pair,
) -> None:
    sent = [named(frame, pair) for frame in (ROLE, TEXT, FINISH)]
    pair.first.fake.chat([send(HTTP_1_0), *map(send, sent), close()])
    answer = pair.gateway.post(NEW, pair.body(stream=True))
    assert answer.content == b"".join([*sent, done()])
