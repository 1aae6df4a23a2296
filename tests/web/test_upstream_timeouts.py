"""Upstreams that fall silent: 504 before the first byte, one error event after it (C41)."""

import threading
from collections.abc import Iterator

import pytest

from tests.fakes import (
    LAST_CHUNK,
    Step,
    chat_chunk,
    chunked,
    close,
    done,
    expect_hangup,
    head,
    send,
    sse,
    sse_head,
    stall,
    wait,
)
from tests.fakes.connection import Connection
from tests.web.faults import Ground, Pair, ground
from tests.web.surface import checked, frames, payloads, refusal

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"

FIRST_BYTE_S, IDLE_S, TOTAL_S, HEARTBEAT_S = 0.3, 0.2, 0.8, 0.1
TIMEOUTS = {
    "connect_s": 0.1,
    "first_byte_s": FIRST_BYTE_S,
    "idle_s": IDLE_S,
    "total_s": TOTAL_S,
}

HANGUP_S = 5


@pytest.fixture(scope="module")
def impatient(server: str) -> Iterator[Ground]:
    """A gateway that waits for tenths of seconds, and sends no heartbeat meanwhile."""
    with ground(server, TIMEOUTS | {"heartbeat_s": 60}) as made:
        yield made


@pytest.fixture
def pair(impatient: Ground) -> Pair:
    return impatient.pair()


def part(pair: Pair, text: str = "a") -> bytes:
    return sse(chat_chunk({"content": text}) | {"model": pair.model})


def silent_after(data: bytes, gone: threading.Event) -> list[Step]:
    """`data`, then nothing until the gateway hangs up."""
    return [send(data), expect_hangup(gone)]


@pytest.mark.parametrize(
    ("route", "expected", "wanted", "start"),
    [
        (NEW, 504, False, b""),
        (NEW, 504, True, b"HTTP/1.1 200 OK\r\n"),
        (NEW, 504, True, sse_head()),
        (OLD, 500, True, b""),
    ],
)
def test_silence_before_the_first_byte_is_504_and_not_retried(
    pair: Pair, route: str, expected: int, wanted: bool, start: bytes
) -> None:
    """The upstream may still be generating; its connection is cut."""
    gone = threading.Event()
    pair.first.fake.chat(silent_after(start, gone))
    answer = pair.gateway.post(route, pair.body(stream=wanted))
    error = refusal(answer, expected)
    assert error["code"] == "upstream_timeout"
    assert answer.headers["x-llmwrap-attempts"] == "1"
    assert pair.asked == (1, 0)
    assert gone.wait(HANGUP_S)


def test_next_upstream_has_its_own_first_byte_deadline(server: str) -> None:
    """However long the one before was silent in the middle of its answer might have been."""
    gone, late = threading.Event(), threading.Event()
    slow = {"connect_s": 0.1, "first_byte_s": FIRST_BYTE_S, "idle_s": 60}
    timer = threading.Timer(0.1 + 2 * FIRST_BYTE_S, late.set)
    with ground(server, slow) as made:
        pair = made.pair()
        begun = head(200, ("Content-Length", "1000")) + b'{"id": "x"'
        pair.first.fake.chat([send(begun), wait(late), close()])
        pair.second.fake.chat([expect_hangup(gone)])
        timer.start()
        answer = pair.gateway.post(NEW, pair.body(), timeout=HANGUP_S)
        timer.join()
    assert refusal(answer, 504)["code"] == "upstream_timeout"
    assert pair.asked == (1, 1)


@pytest.mark.parametrize("route", [NEW, OLD])
def test_silence_in_a_stream_ends_it_with_an_error_event(
    pair: Pair, route: str
) -> None:
    gone = threading.Event()
    pair.first.fake.chat(silent_after(sse_head() + chunked(part(pair)), gone))
    answer = pair.gateway.post(route, pair.body(stream=True))
    assert answer.status_code == 200
    chunk, last = payloads(answer.content)
    assert chunk["choices"][0]["delta"] == {"content": "a"}
    error = checked(last["error"])
    assert error["code"] == "upstream_timeout"
    assert "idle" in error["message"]
    assert pair.asked == (1, 0)
    assert gone.wait(HANGUP_S)
    line = pair.gateway.logged(answer.headers["x-request-id"])
    assert line["outcome"] == "gateway_timeout"


def test_silence_in_a_plain_answer_is_504(pair: Pair) -> None:
    gone = threading.Event()
    start = head(200, ("Content-Length", "1000")) + b'{"id": "x"'
    pair.first.fake.chat(silent_after(start, gone))
    answer = pair.gateway.post(NEW, pair.body())
    assert refusal(answer, 504)["code"] == "upstream_timeout"
    assert pair.asked == (1, 0)
    assert gone.wait(HANGUP_S)


def drip(data: bytes, gone: threading.Event) -> Step:
    """`data` again and again, each time well before the idle deadline, until the hang-up."""

    def step(connection: Connection) -> None:
        pause = threading.Event()
        while not connection.peer:
            connection.send(data)
            pause.wait(IDLE_S / 10)
        gone.set()

    return step


def test_drip_of_a_stream_ends_at_the_total_deadline(pair: Pair) -> None:
    gone = threading.Event()
    pair.first.fake.chat([send(sse_head()), drip(chunked(part(pair)), gone)])
    answer = pair.gateway.post(NEW, pair.body(stream=True))
    *chunks, last = payloads(answer.content)
    assert len(chunks) > 3
    error = checked(last["error"])
    assert error["code"] == "upstream_timeout"
    assert "total" in error["message"]
    assert gone.wait(HANGUP_S)


def test_drip_of_a_plain_answer_ends_at_the_total_deadline(pair: Pair) -> None:
    gone = threading.Event()
    start = send(head(200, ("Content-Length", "100000")) + b'{"id": "')
    pair.first.fake.chat([start, drip(b"x", gone)])
    answer = pair.gateway.post(NEW, pair.body())
    assert refusal(answer, 504)["code"] == "upstream_timeout"
    assert gone.wait(HANGUP_S)


@pytest.fixture(scope="module")
def lively(server: str) -> Iterator[Ground]:
    """A gateway that tells clients every tenth of a second that it lives."""
    if server == "gthread":
        pytest.skip("the generator driver cannot send heartbeats while it reads")
    with ground(server, TIMEOUTS | {"heartbeat_s": HEARTBEAT_S, "idle_s": 60}) as made:
        yield made


def test_silent_stream_gets_comments_that_disturb_nobody(lively: Ground) -> None:
    """C41: Continue's parser trips over comments that begin with `: ping`."""
    pair = lively.pair()
    gate = threading.Event()
    finish = sse(chat_chunk({}, "stop") | {"model": pair.model})
    rest = chunked(part(pair, "b") + finish + done()) + LAST_CHUNK

    def go_on(connection: Connection) -> None:
        connection.wait(gate)
        connection.send(rest)

    pair.first.fake.chat([send(sse_head() + chunked(part(pair))), go_on])
    with pair.gateway.post(NEW, pair.body(stream=True), stream=True) as answer:
        arriving = frames(answer)
        assert next(arriving) == part(pair)
        assert [next(arriving), next(arriving)] == [b": keep-alive\n\n"] * 2
        gate.set()
        left = [frame for frame in arriving if not frame.startswith(b":")]
    assert left == [part(pair, "b"), finish, done()]


def test_heartbeat_commits_the_status_and_a_timeout_becomes_an_event(
    lively: Ground,
) -> None:
    pair = lively.pair()
    pair.first.fake.chat([stall()])
    answer = pair.gateway.post(NEW, pair.body(stream=True))
    assert answer.status_code == 200
    assert answer.content.startswith(b": keep-alive\n\n")
    (event,) = payloads(answer.content)
    error = checked(event["error"])
    assert error["code"] == "upstream_timeout"
    assert "first byte" in error["message"]
    assert pair.asked == (1, 0)


def test_plain_answer_gets_no_heartbeat(lively: Ground) -> None:
    pair = lively.pair()
    pair.first.fake.chat([stall()])
    answer = pair.gateway.post(NEW, pair.body())
    assert refusal(answer, 504)["code"] == "upstream_timeout"
