"""Bodies over the limit, and bodies that are not as long as they say (C10)."""

import json
import socket

import pytest

from tests.gateway import Gateway, RawAnswer, read_answer
from tests.web.surface import (
    LIMIT,
    POST_ROUTES,
    Stage,
    Watched,
    body_for,
    chat_body,
    error_in,
    refusal,
)

OVER = f"the body is over the limit of {LIMIT} bytes"
ROUTE = "/api/v1/chat/completions"
HEAD = f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\n".encode()


@pytest.fixture
def upstream(stage: Stage) -> Watched:
    return stage.chat


def padded(length: int) -> bytes:
    """A good request of exactly `length` bytes."""
    body = json.dumps(chat_body()).encode()
    return body + b" " * (length - len(body))


def chunks(data: bytes, size: int = 4096) -> bytes:
    """`data` as chunks, without the last one of length 0."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def send_raw(gateway: Gateway, request: bytes) -> RawAnswer:
    """The answer to `request`, after which our side sends no more."""
    with gateway.raw() as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return read_answer(sock)


def raw_refusal(answer: RawAnswer, status: int) -> dict[str, object]:
    """The error in `answer`."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    return error_in(json.loads(answer.body))


@pytest.mark.parametrize("route", POST_ROUTES)
def test_body_over_the_limit_is_413(
    gateway: Gateway, upstream: Watched, route: str
) -> None:
    body = json.dumps(body_for(route)).encode()
    answer = gateway.post(route, body + b" " * LIMIT)
    error = refusal(answer, 413)
    assert error["message"] == OVER
    assert error["code"] == "request_too_large"
    assert upstream.requests == []


def test_body_at_the_limit_is_accepted(gateway: Gateway, upstream: Watched) -> None:
    assert gateway.post(ROUTE, padded(LIMIT)).status_code == 200
    assert refusal(gateway.post(ROUTE, padded(LIMIT + 1)), 413)
    assert len(upstream.requests) == 1


def test_too_long_a_body_is_refused_before_it_is_sent(
    gateway: Gateway, upstream: Watched
) -> None:
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        answer = read_answer(sock)
        assert raw_refusal(answer, 413)["message"] == OVER
    assert upstream.requests == []


def test_connection_ends_when_its_body_is_not_wanted(
    gateway: Gateway, server: str
) -> None:
    if server == "gthread":
        pytest.skip("gthread keeps the connection, whatever an application says")
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        assert read_answer(sock).headers["Connection"] == "close"
        assert sock.recv(1) == b""


def test_chunked_body_over_the_limit_is_413_and_not_cut(
    gateway: Gateway, upstream: Watched
) -> None:
    """A good request that ends before the limit, and padding beyond it."""
    body = chunks(padded(LIMIT + 1)) + b"0\r\n\r\n"
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        answer = read_answer(sock)
        assert raw_refusal(answer, 413)["message"] == OVER
    assert upstream.requests == []


def test_endless_chunked_body_is_413_while_it_is_sent(
    gateway: Gateway, upstream: Watched
) -> None:
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        sock.sendall(chunks(padded(LIMIT + 50_000)))
        answer = read_answer(sock)
        assert raw_refusal(answer, 413)["code"] == "request_too_large"
    assert upstream.requests == []


def test_chunked_body_at_the_limit_is_accepted(
    gateway: Gateway, upstream: Watched
) -> None:
    body = chunks(padded(LIMIT), size=997) + b"0\r\n\r\n"
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert read_answer(sock).status == 200
    assert upstream.request.json() == chat_body()


def test_connection_goes_on_after_a_body_at_the_limit(
    gateway: Gateway, upstream: Watched
) -> None:
    request = HEAD + b"Content-Length: %d\r\n\r\n" % LIMIT + padded(LIMIT)
    with gateway.raw() as sock:
        for _ in range(3):
            sock.sendall(request)
            assert read_answer(sock).status == 200
    assert len(upstream.requests) == 3


def test_body_shorter_than_declared_reaches_no_upstream(
    gateway: Gateway, upstream: Watched
) -> None:
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Content-Length: 5000\r\n\r\n" + padded(1000))
        sock.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
    assert gateway.get("/health").status_code == 200
    assert upstream.requests == []


def test_chunked_body_that_breaks_off_reaches_no_upstream(
    gateway: Gateway, upstream: Watched
) -> None:
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(padded(500)))
        sock.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
    assert gateway.get("/health").status_code == 200
    assert upstream.requests == []


def test_chunk_that_is_none_is_refused(gateway: Gateway, upstream: Watched) -> None:
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert send_raw(gateway, request).status == 400
    assert upstream.requests == []


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: abc\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
    ],
)
def test_doubtful_framing_is_refused(
    gateway: Gateway, upstream: Watched, framing: bytes
) -> None:
    body = b"5\r\n{bad}\r\n0\r\n\r\n"
    answer = send_raw(gateway, HEAD + framing + b"\r\n" + body)
    assert answer.status in (400, 501)
    assert upstream.requests == []


def test_expect_100_continue_is_answered(gateway: Gateway, upstream: Watched) -> None:
    body = padded(2000)
    with gateway.raw() as sock:
        sock.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n")
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert read_answer(sock).status == 200
    assert upstream.request.json() == chat_body()


def test_body_of_a_get_is_not_read(gateway: Gateway) -> None:
    answer = gateway.request("GET", "/v1/models", data=b"{bad")
    assert answer.status_code == 200


def test_unknown_path_is_404_before_413(gateway: Gateway) -> None:
    """404 and 405 are told by the route alone."""
    assert refusal(gateway.post("/v1/nope", padded(LIMIT + 1)), 404)
