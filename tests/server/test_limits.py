"""What is too much: bodies, bodies at once, requests at once; and who expects to be told."""

import json
import threading
from collections.abc import Iterator

import pytest
import requests

from tests.fakes import FakeUpstream, chat_answer, wait
from tests.gateway import Gateway, read_answer
from tests.server import nginx
from tests.server.cases import HOST, request
from tests.server.running import Running, running
from tests.server.stage import CHAT, CHAT_START, body_of, held, posted, settings_for
from tests.server.wire import answers_in, exchange, read_to_end

LIMIT = 20_000
BUFFER = 30_000
OVER = "the body is over the limit of 20000 bytes"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def server(upstream: FakeUpstream) -> Iterator[Running]:
    settings = settings_for(
        upstream.url, max_body_bytes=LIMIT, max_buffered_bytes=BUFFER
    )
    with running(settings) as made:
        yield made


@pytest.fixture(scope="module")
def proxied(server: Running) -> Iterator[Gateway]:
    """nginx with its limit above the gateway's, so that the gateway's own answer is seen."""
    with nginx.before(server.gateway) as front:
        yield front


@pytest.fixture(params=["direct", "nginx"])
def gateway(
    request: pytest.FixtureRequest, server: Running, proxied: Gateway
) -> Gateway:
    return server.gateway if request.param == "direct" else proxied


def refusal(answer: requests.Response, status: int) -> dict[str, str | None]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return dict(answer.json()["error"])


def test_long_body_is_413_while_it_is_sent(gateway: Gateway) -> None:
    """As much as nginx takes, and the client insists on sending it."""
    error = refusal(gateway.post(CHAT, b" " * 30_000_000), 413)
    assert error["message"] == OVER
    assert error["code"] == "request_too_large"


def test_long_chunked_body_is_413_while_it_is_sent(gateway: Gateway) -> None:
    parts = (b" " * 10_000 for _ in range(3000))
    error = refusal(gateway.request("POST", CHAT, data=parts), 413)
    assert error["message"] == OVER


def test_more_bodies_than_may_be_kept_are_503(
    server: Running, upstream: FakeUpstream
) -> None:
    gate = threading.Event()
    upstream.chat([wait(gate), *chat_answer("Hello")], then=[chat_answer("Hello")])
    body = json.dumps(body_of("a" * 16_000)).encode()
    before = len(upstream.journal)
    with server.gateway.raw() as first:
        first.sendall(posted(body))
        upstream.wait_for_requests(before + 1)
        refused = server.gateway.post(CHAT, body)
        gate.set()
        assert read_answer(first).status == 200
    error = refusal(refused, 503)
    assert error["code"] == "overloaded"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Connection"] == "close"
    assert server.gateway.post(CHAT, body).status_code == 200


def test_bodies_of_streams_that_have_begun_count_no_more(
    server: Running, upstream: FakeUpstream
) -> None:
    """Nobody can need them again: the answer comes from the upstream that has begun it."""
    gate = threading.Event()
    upstream.chat(held(gate))
    body = body_of("a" * 16_000, stream=True)
    with server.gateway.raw() as first, server.gateway.raw() as second:
        for sock in (first, second):
            sock.sendall(posted(body, b"Connection: close"))
            begun = sock.recv(65_536)
            assert begun.startswith(b"HTTP/1.1 200 "), begun
        gate.set()
        for sock in (first, second):
            read_to_end(sock)
    upstream.chat(chat_answer("Hello"))
    assert server.gateway.post(CHAT, body_of("a" * 16_000)).status_code == 200


def test_bodies_of_streams_that_others_may_go_on_with_count_to_the_end(
    upstream: FakeUpstream,
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    settings = settings_for(
        upstream.url, max_body_bytes=LIMIT, max_buffered_bytes=BUFFER
    )
    settings["pools"][0]["rescue"] = "continue"
    body = body_of("a" * 16_000, stream=True)
    with running(settings) as server:
        with server.gateway.raw() as first:
            first.sendall(posted(body, b"Connection: close"))
            assert first.recv(65_536).startswith(b"HTTP/1.1 200 ")
            refused = server.gateway.post(CHAT, body)
            gate.set()
            read_to_end(first)
        assert refusal(refused, 503)["code"] == "overloaded"
        assert server.gateway.post(CHAT, body).status_code == 200


def test_more_requests_than_may_be_in_progress_are_503(upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.chat(held(gate), then=[held(gate), chat_answer("Hello")])
    with running(settings_for(upstream.url, max_connections=2)) as server:
        with server.gateway.raw() as first, server.gateway.raw() as second:
            for sock in (first, second):
                sock.sendall(posted(body_of(stream=True), b"Connection: close"))
                assert sock.recv(65_536).startswith(b"HTTP/1.1 200 ")
            refused = server.gateway.post(CHAT, body_of())
            gate.set()
        error = refusal(refused, 503)
        assert error["code"] == "overloaded"
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["x-llmwrap-fault"] == "gateway"
        assert server.gateway.post(CHAT, body_of()).status_code == 200


def test_expected_body_is_asked_for(server: Running, upstream: FakeUpstream) -> None:
    upstream.chat(chat_answer("Hello"))
    body = json.dumps(body_of()).encode()
    head = posted(body, b"Expect: 100-continue").removesuffix(body)
    with server.gateway.raw() as sock:
        sock.sendall(head)
        assert sock.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert read_answer(sock).status == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Content-Length: 20001", 413),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: gzip", 501),
        (b"Content-Length: 1\r\nExpect: x", 417),
    ],
)
def test_refused_body_is_not_asked_for(
    server: Running, line: bytes, status: int
) -> None:
    head = request(HOST, b"Expect: 100-continue", line, start=CHAT_START)
    (answer,) = answers_in(exchange(server.gateway, head))
    assert answer.status == status
    assert answer.headers["connection"] == "close"


def test_old_client_is_never_told_to_continue(
    server: Running, upstream: FakeUpstream
) -> None:
    """HTTP/1.0 knows no interim answers."""
    upstream.chat(chat_answer("Hello"))
    data = posted(body_of(), b"Expect: 100-continue").replace(b"1.1", b"1.0", 1)
    (answer,) = answers_in(exchange(server.gateway, data))
    assert answer.status == 200
