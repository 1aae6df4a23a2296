"""Clients that leave, slots that are full, and probes among busy streams (C43, C59, C79)."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fakes import (
    LAST_CHUNK,
    FakeUpstream,
    Step,
    chat_answer,
    chat_chunk,
    chunked,
    done,
    expect_hangup,
    send,
    sse,
    sse_head,
    wait,
)
from tests.fakes.connection import Connection
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.surface import Body, Watched, frames, refusal

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"
BOUND_S = 10
STREAMS = 30

PART = sse(chat_chunk({"content": "a"}))
FINISH = sse(chat_chunk({}, "stop"))


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """A gateway with a pool of one slot (`narrow`) and one without a limit (`wide`)."""
    pools = [
        pool_of("narrow", upstream.url, max_in_flight=1),
        pool_of("wide", upstream.url),
    ]
    settings = {
        "server": {"threads": STREAMS + 8},
        "timeouts": {"queue_s": 0.1},
        "pools": pools,
    }
    with serving(settings, server=server) as made:
        yield made


def body_of(model: str, **fields: object) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}


def endless(gate: threading.Event, gone: threading.Event) -> list[Step]:
    """Two parts; after `gate` as many as there is somebody to read them."""

    def flood(connection: Connection) -> None:
        pause = threading.Event()
        while not connection.peer:
            connection.send(chunked(PART))
            pause.wait(0.005)
        gone.set()

    return [send(sse_head() + chunked(PART) + chunked(PART)), wait(gate), flood]


@pytest.mark.parametrize("route", [NEW, OLD])
def test_client_that_leaves_a_stream_frees_upstream_and_slot(
    gateway: Gateway, upstream: FakeUpstream, route: str
) -> None:
    """C43."""
    gate, gone = threading.Event(), threading.Event()
    upstream.chat(endless(gate, gone), then=[chat_answer("Hello")])
    with gateway.post(route, body_of("narrow", stream=True), stream=True) as answer:
        arriving = frames(answer)
        next(arriving)
        next(arriving)
    gate.set()
    assert gone.wait(BOUND_S)
    assert gateway.logged(answer.headers["x-request-id"])["outcome"] == "client_abort"
    assert gateway.post(route, body_of("narrow")).status_code == 200


@pytest.mark.parametrize("wanted", [False, True])
def test_client_that_leaves_before_the_first_byte_frees_upstream_and_slot(
    gateway: Gateway, upstream: FakeUpstream, server: str, wanted: bool
) -> None:
    if server == "gthread":
        pytest.skip("the generator driver notices a hang-up only when it writes")
    gone = threading.Event()
    upstream.chat([expect_hangup(gone)], then=[chat_answer("Hello")])
    body = b'{"model":"narrow","stream":%s,"messages":[{"role":"user","content":"x"}]}'
    data = body % (b"true" if wanted else b"false")
    head = (
        f"POST {NEW} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    with gateway.raw() as sock:
        before = len(upstream.journal)
        sock.sendall(head.encode() + data)
        upstream.wait_for_requests(before + 1)
    assert gone.wait(BOUND_S)
    assert gateway.post(NEW, body_of("narrow")).status_code == 200


@pytest.mark.parametrize("route", [NEW, OLD])
def test_no_free_slot_is_503_and_says_when_to_come_again(
    gateway: Gateway, upstream: FakeUpstream, route: str
) -> None:
    """No attempt was possible: our own 503, on the older prefixes too (C59)."""
    gate, watched = threading.Event(), Watched.now(upstream)
    rest = send(chunked(FINISH + done()) + LAST_CHUNK)
    upstream.chat([send(sse_head() + chunked(PART)), wait(gate), rest])
    with gateway.post(NEW, body_of("narrow", stream=True), stream=True) as answer:
        arriving = frames(answer)
        next(arriving)
        refused = gateway.post(route, body_of("narrow"))
        gate.set()
        assert list(arriving)[-1] == done()
    error = refusal(refused, 503)
    assert error["type"] == "server_error"
    assert error["code"] in ("no_healthy_upstream", "overloaded")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["x-llmwrap-fault"] == "gateway"
    assert len(watched.requests) == 1


def test_probes_and_refusals_are_answered_while_many_streams_run(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    """C79: every stream waits for the answers to these."""
    gate = threading.Event()
    rest = send(chunked(FINISH + done()) + LAST_CHUNK)
    upstream.chat([send(sse_head() + chunked(PART)), wait(gate), rest])
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                gateway.post(NEW, body_of("wide", stream=True), stream=True)
            )
            for _ in range(STREAMS)
        ]
        arriving = [frames(answer) for answer in running]
        assert {len(next(each)) > 0 for each in arriving} == {True}
        assert gateway.get("/health").json() == {"status": "ok"}
        assert gateway.get("/v1/models").status_code == 200
        assert gateway.post(NEW, b"{bad").status_code == 400
        gate.set()
        assert {list(each)[-1] for each in arriving} == {done()}
