"""Row 31: clients that do not read. Their upstream has to wait, and nobody else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from tests.fakes import (
    FakeUpstream,
    Recorded,
    Step,
    chat_answer,
    chunked,
    send,
    sse_head,
)
from tests.fakes.connection import Connection
from tests.faults.processes import resident_bytes, worker_of
from tests.faults.wire import BOUND_S, PART, read_to, request_bytes
from tests.gateway import Gateway, serving
from tests.server.running import HASTY, running
from tests.web.faults import pool_of
from tests.web.surface import Body, answer_chat, payloads, texts

NEW = "/api/v1/chat/completions"
MEGABYTE = 1_000_000
PIECE = chunked(PART * 500)
ALL = 200 * MEGABYTE
"""More than every socket on the way may hold."""

IDLE_S, BLOCKED_S = 0.5, 0.3
"""A write that takes longer than this is one for which there is no room."""

on_relay = pytest.mark.parametrize("server", ["relay"], indirect=True)


class Pump:
    """A script that writes as much as anybody takes, up to ALL; then it waits for the end."""

    def __init__(self) -> None:
        self.sent = 0
        self.blocked = Event()
        self.gone = Event()

    def __call__(self, connection: Connection) -> None:
        while self.sent < ALL and not connection.peer:
            try:
                connection.send(PIECE)
            except TimeoutError:
                self.blocked.set()
                break
            self.sent += len(PIECE)
        while not connection.peer:
            try:
                connection.wait_for_hangup()
            except TimeoutError:
                continue
        self.gone.set()


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    """It waits for nothing longer than BLOCKED_S."""
    with FakeUpstream(bound_s=BLOCKED_S) as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """A gateway that soon gives up an upstream which is silent."""
    with FakeUpstream() as spare:
        spare.chat(answer_chat)
        settings = {
            "timeouts": {"idle_s": IDLE_S, "heartbeat_s": 60},
            "pools": [pool_of("tiny", upstream.url, spare.url)],
        }
        with serving(settings, server=server) as made:
            yield made


def body_of(**fields: object) -> Body:
    return {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], **fields}


def pumped(upstream: FakeUpstream) -> Pump:
    """The next stream of `upstream` never ends; plain requests are answered as ever."""
    pump = Pump()

    def script(request: Recorded) -> list[Step]:
        if request.json().get("stream") and not pump.sent:
            return [send(sse_head()), pump]
        return list(answer_chat(request))

    upstream.chat(script)
    return pump


@contextmanager
def stalled_reader(gateway: Gateway, requests: bytes) -> Iterator[socket.socket]:
    """A client that sends `requests`, reads the first event, and then nothing more."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(BOUND_S)
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        sock.connect((host, int(port)))
        sock.sendall(requests)
        yield sock


def test_stalled_reader_holds_its_upstream_back_and_nobody_else(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    worker = worker_of(gateway)
    pump = pumped(upstream)
    before = resident_bytes(worker)
    with stalled_reader(gateway, request_bytes(NEW, body_of(stream=True))) as sock:
        read_to(sock, b"data: ")
        assert pump.blocked.wait(BOUND_S)
        assert pump.sent < ALL / 4
        assert resident_bytes(worker) - before < 20 * MEGABYTE
        for wanted in (False, True):
            answer = gateway.post(NEW, body_of(stream=wanted))
            assert answer.status_code == 200
        assert texts(payloads(answer.content)) == "Hello"
    assert pump.gone.wait(BOUND_S)


def test_reader_that_pauses_is_not_its_upstreams_silence(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    """The upstream would be blamed, and after five such clients ejected."""
    pump = pumped(upstream)
    with stalled_reader(gateway, request_bytes(NEW, body_of(stream=True))) as sock:
        read_to(sock, b"data: ")
        assert pump.blocked.wait(BOUND_S)
        assert not pump.gone.wait(3 * IDLE_S)
        received = b"".join(sock.recv(MEGABYTE) for _ in range(100))
        assert b'"error"' not in received
    assert pump.gone.wait(BOUND_S)


@on_relay
def test_next_request_of_a_reader_that_stalls_waits_for_it(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    """Pipelined: its answer would be piled up behind the first one."""
    pump, size = Pump(), 16 * MEGABYTE
    upstream.chat(chat_answer("a" * size), then=[[send(sse_head()), pump]])
    both = request_bytes(NEW, body_of()) + request_bytes(NEW, body_of(stream=True))
    with stalled_reader(gateway, both) as sock:
        read_to(sock, b"HTTP/1.1 200 OK")
        assert not pump.blocked.wait(2 * BLOCKED_S)
        assert pump.sent == 0
        read_to(sock, b"data: ")
        assert pump.blocked.wait(BOUND_S)
    assert pump.gone.wait(BOUND_S)


def test_reader_that_stalls_for_good_is_cut_off(upstream: FakeUpstream) -> None:
    """A worker with a small deadline; gthread has none, a proxy before it must."""
    pump = pumped(upstream)
    settings = {"pools": [pool_of("tiny", upstream.url, max_in_flight=1)]}
    with running(settings, arguments=HASTY) as server:
        request = request_bytes(NEW, body_of(stream=True), x_request_id="stalled")
        with stalled_reader(server.gateway, request) as sock:
            read_to(sock, b"data: ")
            assert pump.gone.wait(BOUND_S)
            assert server.gateway.post(NEW, body_of()).status_code == 200
        assert server.gateway.logged("stalled")["outcome"] == "client_abort"
