"""Connections that carry many requests, old clients, sockets that are files, and two workers."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import requests

from tests.fakes import (
    FakeUpstream,
    chat_answer,
    chunked,
    expect_hangup,
    send,
    sse_head,
)
from tests.gateway import Gateway, read_answer, to_toml
from tests.server import nginx
from tests.server.cases import get
from tests.server.running import (
    HASTY,
    Running,
    eventually,
    running,
    start,
)
from tests.server.stage import CHAT, PART, body_of, echo, posted, settings_for
from tests.server.wire import answers_in, exchange, read_to_end

LAST = b"Connection: close"
REDIS = os.environ.get("LLMWRAP_TEST_REDIS_URL", "redis://127.0.0.1:6379/15")


def test_hundred_requests_on_a_connection(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(echo)
    with server.gateway.raw() as sock:
        for number in range(50):
            sock.sendall(posted(body_of(f"say-{number}", stream=True)))
            assert f'"say-{number}"'.encode() in read_answer(sock).body
            sock.sendall(get(b"/health"))
            assert read_answer(sock, "GET").body == b'{"status":"ok"}\n'


def test_pipelined_streams_are_answered_in_order(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(echo)
    data = b"".join(posted(body_of(f"say-{n}", stream=True)) for n in range(5))
    last = posted(body_of("say-last", stream=True), LAST)
    answers = answers_in(exchange(server.gateway, data + get(b"/health") + last))
    said = [b"say-0", b"say-1", b"say-2", b"say-3", b"say-4", b'"ok"', b"say-last"]
    assert [answer.status for answer in answers] == [200] * 7
    assert [
        want in answer.body for want, answer in zip(said, answers, strict=True)
    ] == [True] * 7
    assert len({answer.headers["x-request-id"] for answer in answers}) == 7


def test_client_that_leaves_with_requests_in_line_frees_the_upstream(
    server: Running, upstream: FakeUpstream
) -> None:
    """The one in progress is cut off, the one behind it is never asked."""
    gone = threading.Event()
    upstream.chat(
        [send(sse_head() + chunked(PART)), expect_hangup(gone)],
        then=[chat_answer("Hello")],
    )
    before = len(upstream.journal)
    with server.gateway.raw() as sock:
        sock.sendall(posted(body_of(stream=True)) * 2)
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert gone.wait(10)
    assert server.gateway.post(CHAT, body_of()).status_code == 200
    assert len(upstream.journal) == before + 2


def test_old_client_gets_a_stream_that_ends_with_the_connection(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(echo)
    data = posted(body_of("Hello", stream=True), b"Connection: keep-alive")
    (answer,) = answers_in(
        exchange(server.gateway, data.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    )
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers
    assert "content-length" not in answer.headers
    assert answer.body.startswith(b"data: {")
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_old_client_gets_a_plain_answer_with_its_length(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(chat_answer("Hello"))
    data = posted(body_of()).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    (answer,) = answers_in(exchange(server.gateway, data))
    assert answer.whole
    assert answer.headers["connection"] == "close"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/nothing", 404)])
def test_head_has_the_headers_of_get_and_no_body(
    server: Running, path: str, status: int
) -> None:
    want = server.gateway.get(path)
    head = get(path.encode()).replace(b"GET", b"HEAD", 1)
    with server.gateway.raw() as sock:
        sock.sendall(head + posted(b"{}", LAST))
        first, _, rest = read_to_end(sock).partition(b"\r\n\r\n")
    assert first.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"content-length: {len(want.content)}".encode() in first
    (second,) = answers_in(rest)
    assert second.status == 400


@contextmanager
def on_a_socket_file(upstream: FakeUpstream, home: Path) -> Iterator[Path]:
    """The path of a server's socket, bound as the configuration says."""
    path = home / "socket"
    settings = settings_for(upstream.url, bind=f"unix:{path}")
    (home / "config.toml").write_text(to_toml(settings), encoding="utf-8")
    process = start(home, HASTY)
    try:
        eventually(path.exists)
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_socket_may_be_a_file(upstream: FakeUpstream, tmp_path: Path) -> None:
    """Directly, where the caller has no address, and behind nginx."""
    upstream.chat(echo)
    with on_a_socket_file(upstream, tmp_path) as path:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(path))
            sock.sendall(posted(body_of("Hello", stream=True), LAST))
            (answer,) = answers_in(read_to_end(sock))
        assert answer.status == 200
        assert answer.body.endswith(b"data: [DONE]\n\n")
        nowhere = Gateway(("127.0.0.1", 1), tmp_path / "log")
        changes = {"server 127.0.0.1:1 ": f"server unix:{path} "}
        with nginx.before(nowhere, changes) as front:
            answer = front.post("/v1/chat/completions", body_of("Hello", stream=True))
        assert answer.text.endswith("data: [DONE]\n\n")
        log = (tmp_path / "log").read_text()
        assert '"client_ip":"127.0.0.1"' in log


@pytest.fixture(scope="module")
def store() -> str:
    """Where two workers count together."""
    try:
        redis.Redis.from_url(REDIS).ping()
    except redis.RedisError:
        where = urlsplit(REDIS).netloc
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Redis at {where}, and CI has to test with it")
        pytest.skip(f"no Redis at {where}")
    return REDIS


def test_each_of_two_workers_serves_while_the_other_hangs(
    upstream: FakeUpstream, store: str
) -> None:
    settings = settings_for(upstream.url, workers=2)
    settings["limits"] = {"storage_url": store}
    with running(settings) as server:
        eventually(lambda: server.gateway.log().count('"models_listed"') == 2)
        workers = server.workers
        assert len(workers) == 2
        for hanging in workers:
            os.kill(hanging, signal.SIGSTOP)
            try:
                answers = [answer_of(server) for _ in range(20)]
            finally:
                os.kill(hanging, signal.SIGCONT)
            assert answers == [200] * 20
        assert server.workers == workers


def answer_of(server: Running) -> int:
    """The status of one request on a connection of its own."""
    answer: requests.Response = server.gateway.get("/v1/models")
    return answer.status_code
