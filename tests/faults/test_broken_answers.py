"""Rows 8, 16, 21 and 24 to 26: answers that are badly made, endless, or late."""

import gzip
import json
from collections.abc import Iterator, Sequence
from threading import Event

import pytest

from tests.fakes import (
    LAST_CHUNK,
    Step,
    chat_answer,
    chat_events,
    chunked,
    close,
    done,
    head,
    send,
    sse,
    sse_head,
    stream,
)
from tests.fakes.connection import Connection
from tests.faults.wire import BOUND_S, PART
from tests.web.faults import Ground, Pair, ground
from tests.web.surface import answer_chat, payloads, refusal, texts

NEW = "/api/v1/chat/completions"
FIRST_BYTE_S = 0.4
MEGABYTE = 1_000_000

on_relay = pytest.mark.parametrize("server", ["relay"], indirect=True)


@pytest.fixture(scope="module")
def calm(server: str) -> Iterator[Ground]:
    """A gateway over two servers, which waits a little for a first byte."""
    with ground(server, {"connect_s": 0.1, "first_byte_s": FIRST_BYTE_S}) as made:
        yield made


@pytest.fixture
def alone(calm: Ground) -> Pair:
    return calm.alone()


@pytest.fixture
def pair(calm: Ground) -> Pair:
    return calm.pair()


def drip(piece: bytes, gone: Event) -> Step:
    """`piece` again and again, each time well before a deadline, until the hang-up."""

    def step(connection: Connection) -> None:
        pause = Event()
        while not connection.peer:
            connection.send(piece)
            pause.wait(FIRST_BYTE_S / 10)
        gone.set()

    return step


@on_relay
@pytest.mark.parametrize("wanted", [False, True])
def test_dripping_head_is_504(alone: Pair, wanted: bool) -> None:
    """A deadline for the whole head; that of the generator driver is for each read."""
    gone = Event()
    start = send(b"HTTP/1.1 200 OK\r\n")
    alone.first.fake.chat([start, drip(b"X-Padding: x\r\n", gone)])
    answer = alone.gateway.post(NEW, alone.body(stream=wanted))
    assert refusal(answer, 504)["code"] == "upstream_timeout"
    assert gone.wait(BOUND_S)


class Endless:
    """A step that sends `piece` for ever; `sent` counts the bytes until the hang-up."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.sent = 0
        self.gone = Event()

    def __call__(self, connection: Connection) -> None:
        while not connection.peer:
            connection.send(self.piece)
            self.sent += len(self.piece)
        self.gone.set()


X = b"x" * 50_000
ENDLESS: dict[str, tuple[bytes, bytes, int]] = {
    "line": (sse_head() + chunked(b"data: "), chunked(X), 502),
    "lines_of_one_event": (sse_head(), chunked(b"data: " + X + b"\n"), 502),
    "header": (b"HTTP/1.1 200 OK\r\nX-Padding: ", X, 502),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Padding: x\r\n" * 50, 502),
    "error": (head(500, ("Transfer-Encoding", "chunked")), chunked(X), 502),
    "refusal": (head(400, ("Content-Length", "9" * 15)), X, 400),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_answer_is_cut_at_a_bound(alone: Pair, name: str) -> None:
    """What the sockets hold is more than what the gateway does (it stops at 1 MiB)."""
    start, piece, status = ENDLESS[name]
    endless = Endless(piece)
    alone.first.fake.chat([send(start), endless])
    answer = alone.gateway.post(NEW, alone.body(stream=True))
    assert refusal(answer, status)
    assert endless.gone.wait(BOUND_S)
    assert endless.sent < 20 * MEGABYTE


def whole(text: str) -> bytes:
    """A plain answer of one choice."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"model": "tiny", "choices": [choice]}).encode()


def answer(body: bytes, *headers: tuple[str, str]) -> list[Step]:
    return [send(head(200, *headers) + body), close()]


BOMB = gzip.compress(b" " * 50 * MEGABYTE + whole("Hello"))
BODY = whole("Hello")
LENGTH = ("Content-Length", str(len(BODY)))
UPGRADE = (("Upgrade", "h2c"), ("Connection", "upgrade"))

MISFRAMED: dict[str, list[Step]] = {
    "gzip": answer(BOMB, ("Content-Encoding", "gzip")),
    "gzip_twice": answer(gzip.compress(BOMB), ("Content-Encoding", "gzip, gzip")),
    "length_too_short": answer(BODY, ("Content-Length", str(len(BODY) - 9))),
    "length_too_long": answer(BODY, ("Content-Length", str(len(BODY) + 9))),
    "lengths_that_differ": answer(BODY, LENGTH, ("Content-Length", "1")),
    "chunk_without_end": answer(b"ffff\r\n" + BODY, ("Transfer-Encoding", "chunked")),
    "no_last_chunk": answer(chunked(BODY), ("Transfer-Encoding", "chunked")),
    "three_hundred_headers": answer(BODY, LENGTH, *[("X-Padding", "x")] * 300),
    "switching_protocols": [send(head(101, *UPGRADE) + b"\0" * 9), close()],
}


@pytest.mark.parametrize("name", MISFRAMED)
def test_misframed_answer_is_never_taken_for_a_whole_one(
    alone: Pair, name: str
) -> None:
    """And what lay about is not part of the next answer."""
    alone.first.fake.chat(MISFRAMED[name], then=[answer_chat])
    got = alone.gateway.post(NEW, alone.body())
    assert refusal(got, 502)["type"] == "upstream_error"
    again = alone.gateway.post(NEW, alone.body())
    assert again.json()["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize("name", MISFRAMED)
def test_misframed_answer_of_one_is_given_by_the_other(pair: Pair, name: str) -> None:
    pair.first.fake.chat(MISFRAMED[name])
    got = pair.gateway.post(NEW, pair.body())
    assert got.status_code == 200
    assert got.headers["x-llmwrap-attempts"] == "2"
    assert pair.asked == (1, 1)


@pytest.mark.parametrize("said", ["identity", "Identity", "IDENTITY", ""])
def test_answer_that_says_it_is_not_encoded_is_taken(alone: Pair, said: str) -> None:
    """Names of codings have no case (RFC 9110, section 8.4.1)."""
    encoding = ("Content-Encoding", said)
    alone.first.fake.chat(answer(BODY, LENGTH, encoding))
    got = alone.gateway.post(NEW, alone.body())
    assert got.json()["choices"][0]["message"]["content"] == "Hello"


CHUNKED = ("Transfer-Encoding", "chunked")
DOUBTFUL = {
    "length_and_chunks": answer(
        chunked(BODY) + LAST_CHUNK, ("Content-Length", "9"), CHUNKED
    ),
    "length_negative": answer(BODY, ("Content-Length", "-1")),
    "length_no_number": answer(BODY, ("Content-Length", "abc")),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_doubtful_length_loses_nothing(alone: Pair, name: str) -> None:
    """Refused, or read to the real end (RFC 9112, 6.3); never cut."""
    alone.first.fake.chat(DOUBTFUL[name])
    got = alone.gateway.post(NEW, alone.body())
    if got.status_code != 502:
        assert got.json()["choices"][0]["message"]["content"] == "Hello"


def test_continue_before_an_answer_is_skipped(alone: Pair) -> None:
    first = [send(head(100)), *chat_answer("Hello")]
    alone.first.fake.chat(first)
    got = alone.gateway.post(NEW, alone.body())
    assert got.json()["choices"][0]["message"]["content"] == "Hello"


@on_relay
@pytest.mark.parametrize(("count", "status"), [(5, 200), (6, 502)])
@pytest.mark.parametrize("interim", [100, 102, 103])
def test_flood_of_interim_answers_is_refused(
    alone: Pair, interim: int, count: int, status: int
) -> None:
    """The standard library's client has no bound for 100, and takes others for answers."""
    alone.first.fake.chat([send(head(interim) * count), *chat_answer("Hello")])
    assert alone.gateway.post(NEW, alone.body()).status_code == status


AFTER_DONE: dict[str, Sequence[bytes]] = {
    "event": [chunked(PART), LAST_CHUNK],
    "second_done": [chunked(done()), LAST_CHUNK],
    "error": [chunked(sse({"error": {"message": "late"}})), LAST_CHUNK],
    "junk": [chunked(b"\xff\0"), LAST_CHUNK],
    "bad_chunk": [b"zz\r\n"],
    # In one piece: what comes after the next request was sent, nobody can tell from its answer.
    "another_answer": [LAST_CHUNK + head(500, ("Content-Length", "0"))],
}


@pytest.mark.parametrize("name", AFTER_DONE)
def test_what_follows_done_reaches_nobody(alone: Pair, name: str) -> None:
    """Neither this client nor the next one."""
    events = [send(chunked(event)) for event in chat_events("Hel", "lo")]
    tail = map(send, AFTER_DONE[name])
    alone.first.fake.chat([send(sse_head()), *events, *tail], then=[answer_chat])
    for _ in range(2):
        got = alone.gateway.post(NEW, alone.body(stream=True))
        received = payloads(got.content)
        assert received[-1] == "[DONE]"
        assert received.count("[DONE]") == 1
        assert texts(received) == "Hello"


def test_upstream_that_talks_on_after_done_is_cut_off(alone: Pair) -> None:
    endless = Endless(chunked(PART))
    events = [send(chunked(event)) for event in chat_events("Hello")]
    alone.first.fake.chat([send(sse_head()), *events, endless], then=[answer_chat])
    got = alone.gateway.post(NEW, alone.body(stream=True))
    assert texts(payloads(got.content)) == "Hello"
    assert endless.gone.wait(BOUND_S)
    assert alone.gateway.post(NEW, alone.body()).status_code == 200


def test_stream_of_tiny_events_arrives_whole(alone: Pair) -> None:
    alone.first.fake.chat(stream(chat_events(*"a" * 5_000)))
    got = alone.gateway.post(NEW, alone.body(stream=True))
    assert texts(payloads(got.content)) == "a" * 5_000
