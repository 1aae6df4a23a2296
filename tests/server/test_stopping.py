"""How a server ends: what runs may finish, what does not is told so, nothing is left behind."""

import json
import os
import signal
import socket
import threading

import pytest

from tests.fakes import FakeUpstream, whatwg_payloads
from tests.gateway import read_answer
from tests.server.cases import get, request
from tests.server.running import HASTY, Running, alive, eventually, running
from tests.server.stage import (
    CHAT_START,
    PART,
    body_of,
    held,
    posted,
    settings_for,
)
from tests.server.wire import Answer, answers_in, read_to_end

ONE_SECOND = (*HASTY, "--graceful-timeout", "6")
"""Answers in progress get their terminal error five seconds before the end."""

LAST = b"Connection: close"
HALF_A_BODY = request(
    b"Host: gateway", b"Content-Length: 9", start=CHAT_START, body=b"{"
)


def stopped(server: Running) -> None:
    """Check that the server ends in order, and said nothing that it should not."""
    assert server.wait() == 0
    assert "Traceback" not in server.gateway.log()


def begin_stream(sock: socket.socket) -> bytes:
    """Ask for a stream, and return what came up to its first part."""
    sock.sendall(posted(body_of(stream=True)))
    begun = b""
    while PART not in begun:
        begun += sock.recv(65_536)
    return begun


def check_drained(server: Running, answer: Answer) -> None:
    """One part, one error, nothing else; and the line in the log that says the same."""
    assert answer.whole
    part, error = whatwg_payloads(answer.body)
    assert json.loads(part)["choices"][0]["delta"] == {"content": "a"}
    assert json.loads(error)["error"]["code"] == "draining"
    line = server.gateway.logged(answer.headers["x-request-id"])
    assert line["outcome"] == "drained"


def test_stream_that_is_too_long_ends_with_one_error(upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with running(settings_for(upstream.url), arguments=ONE_SECOND) as server:
        with server.gateway.raw() as sock:
            begun = begin_stream(sock)
            server.signal(signal.SIGTERM)
            (answer,) = answers_in(begun + read_to_end(sock))
        gate.set()
        stopped(server)
        check_drained(server, answer)


def test_stream_that_is_short_enough_finishes(upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with running(settings_for(upstream.url)) as server:
        with server.gateway.raw() as sock:
            begun = begin_stream(sock)
            server.signal(signal.SIGTERM)
            eventually(lambda: refuses(server))
            gate.set()
            (answer,) = answers_in(begun + read_to_end(sock))
        stopped(server)
        assert answer.whole
        assert whatwg_payloads(answer.body)[-1] == b"[DONE]"
        line = server.gateway.logged(answer.headers["x-request-id"])
        assert line["outcome"] == "ok"


def refuses(server: Running) -> bool:
    """Whether nobody listens any more."""
    try:
        with server.gateway.raw():
            return False
    except ConnectionRefusedError:
        return True


@pytest.mark.parametrize("patient", [False, True], ids=["at once", "after SIGTERM"])
def test_interrupt_ends_streams_now(upstream: FakeUpstream, patient: bool) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with running(settings_for(upstream.url)) as server:
        with server.gateway.raw() as sock:
            begun = begin_stream(sock)
            if patient:
                server.signal(signal.SIGTERM)
                eventually(lambda: refuses(server))
            server.signal(signal.SIGINT)
            (answer,) = answers_in(begun + read_to_end(sock))
        gate.set()
        stopped(server)
        check_drained(server, answer)


def test_upload_that_goes_on_is_refused_now(upstream: FakeUpstream) -> None:
    """With the deadlines of production: it would hold the end up for a minute."""
    with running(settings_for(upstream.url), arguments=()) as server:
        with server.gateway.raw() as sock:
            sock.sendall(HALF_A_BODY)
            assert server.gateway.get("/health").status_code == 200
            server.signal(signal.SIGINT)
            answer = read_answer(sock)
        stopped(server)
        assert answer.status == 503
        assert json.loads(answer.body)["error"]["code"] == "draining"
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize("owed", [b"", b"GET /hea"], ids=["connected", "half a head"])
def test_client_that_has_just_connected_is_served(
    upstream: FakeUpstream, owed: bytes
) -> None:
    with running(settings_for(upstream.url), arguments=()) as server:
        with server.gateway.raw() as sock:
            sock.sendall(owed)
            assert server.gateway.get("/health").status_code == 200
            server.signal(signal.SIGTERM)
            eventually(lambda: refuses(server))
            sock.sendall(get(b"/health").removeprefix(owed))
            answer = read_answer(sock, "GET")
        stopped(server)
        assert answer.status == 200
        assert answer.headers["Connection"] == "close"


def test_idle_connections_hold_nothing_up(upstream: FakeUpstream) -> None:
    with running(settings_for(upstream.url), arguments=()) as server:
        with server.gateway.raw() as kept, server.gateway.raw() as silent:
            kept.sendall(get(b"/health"))
            assert read_answer(kept, "GET").status == 200
            server.signal(signal.SIGTERM)
            assert read_to_end(kept) == b""
            assert read_to_end(silent) == b""
        stopped(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_worker_ends_by_itself_and_not_of_the_signal(
    upstream: FakeUpstream, number: signal.Signals
) -> None:
    """gunicorn says so, and calls the hook that closes what a worker has open."""
    settings = settings_for(upstream.url) | {"log": {"level": "debug"}}
    with running(settings) as server:
        worker = server.worker
        server.signal(number)
        stopped(server)
        assert server.logged(f"Worker exiting (pid: {worker})")


def test_worker_without_its_master_ends_by_itself(upstream: FakeUpstream) -> None:
    """Within five seconds, so that a new server can take the port."""
    with running(settings_for(upstream.url)) as server:
        worker = server.worker
        os.kill(server.master, signal.SIGKILL)
        eventually(lambda: not alive(worker), timeout_s=5)
        assert refuses(server)


def test_streams_of_a_worker_without_its_master_end_truthfully(
    upstream: FakeUpstream,
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with running(settings_for(upstream.url), arguments=ONE_SECOND) as server:
        with server.gateway.raw() as sock:
            begun = begin_stream(sock)
            os.kill(server.master, signal.SIGKILL)
            (answer,) = answers_in(begun + read_to_end(sock))
        gate.set()
        check_drained(server, answer)
