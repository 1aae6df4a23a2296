"""Rows 46, 47 and 49: more answers than a worker takes on, more sockets than it may open."""

import ast
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest
import requests

from llmwrap.upstreams.drained import read_drained, write_drained
from tests.fakes import (
    LAST_CHUNK,
    FakeUpstream,
    chat_answer,
    chat_chunk,
    chunked,
    close,
    done,
    send,
    sse,
    sse_head,
    wait,
)
from tests.faults.processes import few_descriptors, worker_of
from tests.faults.wire import PART, read_to, request_bytes
from tests.gateway import NOBODY, ROOT, Gateway, read_answer, serving
from tests.web.faults import pool_of
from tests.web.guarded import PASSWORD, basic, guarded_settings
from tests.web.surface import Body, refusal

NEW = "/api/v1/chat/completions"
MOST = 6
ANSWER = [*chat_answer("Hello"), close()]
"""No connection is kept, so each request needs a new one."""

REST = chunked(sse(chat_chunk({}, "stop")) + done()) + LAST_CHUNK

on_relay = pytest.mark.parametrize("server", ["relay"], indirect=True)


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream, data_dir: Path) -> Iterator[Gateway]:
    settings = guarded_settings() | {
        "server": {"max_connections": MOST if server == "relay" else 100},
        "pools": [pool_of("tiny", upstream.url, upstream.url), pool_of("idle", NOBODY)],
    }
    place = {"LLMWRAP__SERVER__DATA_DIR": str(data_dir)}
    with serving(settings, server=server, environ=place) as made:
        yield made


def body_of(**fields: object) -> Body:
    return {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], **fields}


@contextmanager
def starved(gateway: Gateway, data_dir: Path, spare: int) -> Iterator[None]:
    """The worker can open only `spare` more files or sockets.

    It begins when the worker has just looked which upstreams are drained, which needs one too,
    and should be over before it does so again (a second later).
    """
    event = f'"event":"upstream_{"drained" if not read_drained(data_dir) else "back"}"'
    before = gateway.log().count(event)
    write_drained(data_dir, {"idle-0"} - read_drained(data_dir))
    pause = Event()
    while gateway.log().count(event) == before:
        pause.wait(0.01)
    with few_descriptors(worker_of(gateway), spare):
        yield


@contextmanager
def running_streams(
    gateway: Gateway, upstream: FakeUpstream, count: int
) -> Iterator[None]:
    """So many streams, each with its first event; in the end they come to theirs."""
    gate = Event()
    upstream.chat([send(sse_head() + chunked(PART)), wait(gate), send(REST), close()])
    request = request_bytes(NEW, body_of(stream=True), **basic("alice"))
    with ExitStack() as stack:
        socks = [stack.enter_context(gateway.raw()) for _ in range(count)]
        for sock in socks:
            sock.sendall(request)
            read_to(sock, b"data: ")
        yield
        gate.set()
        for sock in socks:
            read_to(sock, b"data: [DONE]")


@on_relay
def test_answer_too_many_is_503_while_everything_else_is_served(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    """Only the relay worker counts answers; the other one has no more than its threads."""
    headers = basic("alice")
    with running_streams(gateway, upstream, MOST):
        answer = gateway.post(NEW, body_of(), headers=headers)
        assert refusal(answer, 503)["code"] == "overloaded"
        assert answer.headers["Retry-After"] == "1"
        assert gateway.get("/health").json() == {"status": "ok"}
        assert gateway.get("/v1/models", headers=headers).status_code == 200
        assert gateway.post(NEW, body_of()).status_code == 401
        sign_in = {"email": "alice@example.com", "password": PASSWORD}
        assert gateway.post("/api/v1/auths/signin", sign_in).status_code == 200
    upstream.chat(ANSWER)
    assert gateway.post(NEW, body_of(), headers=headers).status_code == 200


def test_worker_that_cannot_open_an_upstream_connection_is_503_and_recovers(
    gateway: Gateway, upstream: FakeUpstream, data_dir: Path
) -> None:
    """The client's connection is there before; no upstream is blamed."""
    worker = worker_of(gateway)
    request = request_bytes(NEW, body_of(), **basic("alice"))
    upstream.chat(ANSWER)
    with gateway.raw() as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert read_answer(sock, "GET").status == 200
        with starved(gateway, data_dir, 0):
            for _ in range(6):
                sock.sendall(request)
                answer = read_answer(sock)
                assert answer.status == 503, answer.body
                assert json.loads(answer.body)["error"]["code"] == "overloaded"
                assert answer.headers["Retry-After"] == "1"
                assert answer.headers["x-llmwrap-attempts"] == "1"
        sock.sendall(request)
        answer = read_answer(sock)
        assert answer.status == 200
        assert answer.headers["x-llmwrap-upstream"] == "tiny-0"
    assert worker_of(gateway) == worker


@on_relay
def test_worker_that_cannot_accept_stays_and_recovers(
    gateway: Gateway, upstream: FakeUpstream, data_dir: Path
) -> None:
    """gthread's worker ends by it, and gunicorn starts another."""
    upstream.chat(ANSWER)
    headers = basic("alice")
    assert gateway.post(NEW, body_of(), headers=headers).status_code == 200
    worker = worker_of(gateway)
    with starved(gateway, data_dir, 0), pytest.raises(requests.ConnectionError):
        gateway.get("/health")
    assert gateway.get("/health").status_code == 200
    assert gateway.post(NEW, body_of(), headers=headers).status_code == 200
    assert worker_of(gateway) == worker


def test_worker_is_never_recycled() -> None:
    """gunicorn would do it to bound leaks, and cut the streams that run."""
    tree = ast.parse((ROOT / "gunicorn.conf.py").read_text(encoding="utf-8"))
    values = {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    assert values["max_requests"] == "0"
