"""Clients that take too long, and what comes behind a request that is being answered."""

import json
import socket
import threading

import pytest

from tests.fakes import FakeUpstream, chat_answer
from tests.gateway import Gateway, read_answer
from tests.server.cases import BODY, HOST, get, request
from tests.server.running import Running, running
from tests.server.stage import CHAT_START, body_of, echo, held, posted, settings_for
from tests.server.wire import Answer, answers_in, exchange, read_to_end

HALF_A_HEAD = b"GET /health HTTP/1.1\r\nHo"
CHUNKED = b"Transfer-Encoding: chunked"
OK = get(b"/health")


def only_answer(data: bytes) -> Answer:
    (only,) = answers_in(data)
    return only


def error_of(answer: Answer) -> dict[str, str | None]:
    """The error in an answer after which the connection was closed."""
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-llmwrap-fault"] == "caller"
    body = json.loads(answer.body)
    assert body["detail"] == body["error"]["message"]
    return dict(body["error"])


def pass_the_head_deadline(gateway: Gateway) -> None:
    """Return once a head that began after everything before has been given up."""
    assert only_answer(exchange(gateway, HALF_A_HEAD)).status == 408


def test_half_a_head_is_408(server: Running) -> None:
    answer = only_answer(exchange(server.gateway, HALF_A_HEAD))
    assert answer.status == 408
    assert error_of(answer) == {
        "message": "the request took too long to arrive",
        "type": "invalid_request_error",
        "param": None,
        "code": "request_timeout",
    }


def test_silent_connection_is_closed_without_a_word(server: Running) -> None:
    assert exchange(server.gateway, b"") == b""


def test_blank_lines_do_not_keep_a_connection(server: Running) -> None:
    """They end the keep-alive time, so the deadline of a head takes over."""
    with server.gateway.raw() as sock:
        sock.sendall(OK)
        assert read_answer(sock, "GET").status == 200
        sock.sendall(b"\r\n")
        assert only_answer(read_to_end(sock)).status == 408


SLOW_BODIES = {
    "declared": (b"Content-Length: 13", BODY[:5]),
    "chunked": (CHUNKED, b"d\r\n" + BODY[:5]),
    "trailer": (CHUNKED, b"d\r\n" + BODY + b"\r\n0\r\nX: y"),
}


@pytest.mark.parametrize("framing", SLOW_BODIES)
def test_body_that_does_not_end_is_408(server: Running, framing: str) -> None:
    line, body = SLOW_BODIES[framing]
    data = request(HOST, line, start=CHAT_START, body=body)
    answer = only_answer(exchange(server.gateway, data))
    assert answer.status == 408
    assert error_of(answer)["code"] == "request_timeout"
    assert error_of(answer)["message"] == "the body took longer than 0.4 s"


@pytest.mark.parametrize("framing", SLOW_BODIES)
def test_connection_ends_with_a_body_that_does_not(
    server: Running, framing: str
) -> None:
    """A wrong path is told before the body; its connection is of no use all the same."""
    line, body = SLOW_BODIES[framing]
    answer = only_answer(exchange(server.gateway, request(HOST, line, body=body)))
    assert answer.status == 404
    assert answer.headers["connection"] == "close"


def test_slow_bodies_leave_no_bytes_behind(upstream: FakeUpstream) -> None:
    """What was buffered for them is free again: three of them would fill the bound."""
    upstream.chat(chat_answer("Hello"))
    settings = settings_for(
        upstream.url, max_body_bytes=10_000, max_buffered_bytes=15_000
    )
    with running(settings) as server:
        for _ in range(3):
            line, body = b"Content-Length: 9000", b" " * 8000
            data = request(HOST, line, start=CHAT_START, body=body)
            assert only_answer(exchange(server.gateway, data)).status == 408
        answer = server.gateway.post("/v1/chat/completions", body_of("a" * 8000))
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("behind", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (request(HOST, b"Content-Length: 1", b"Content-Length: 2", body=b"x"), 400),
        (request(HOST, CHUNKED, body=b"zz\r\n"), 400),
        (request(HOST, b"Transfer-Encoding: gzip", body=b"x"), 501),
        (get(b"/", b"HTTP/2.0"), 505),
    ],
    ids=["garbage", "lengths", "chunk", "coding", "version"],
)
def test_refusal_comes_after_the_stream_before_it(
    server: Running, upstream: FakeUpstream, behind: bytes, status: int
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with server.gateway.raw() as sock:
        sock.sendall(posted(body_of(stream=True)) + behind)
        begun = sock.recv(65_536)
        gate.set()
        stream, refused = answers_in(begun + read_to_end(sock))
    assert stream.status == 200
    assert stream.whole
    assert stream.body.endswith(b"data: [DONE]\n\n")
    assert refused.status == status
    assert error_of(refused)["type"] == "invalid_request_error"


def test_half_a_head_behind_a_stream_waits_for_its_end(
    server: Running, upstream: FakeUpstream
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with server.gateway.raw() as sock:
        sock.sendall(posted(body_of(stream=True)) + HALF_A_HEAD)
        begun = sock.recv(65_536)
        pass_the_head_deadline(server.gateway)
        gate.set()
        stream, refused = answers_in(begun + read_to_end(sock))
    assert stream.body.endswith(b"data: [DONE]\n\n")
    assert refused.status == 408


def test_broken_body_is_refused_before_the_application_sees_it(
    server: Running, upstream: FakeUpstream
) -> None:
    before = len(upstream.journal)
    data = request(HOST, CHUNKED, start=CHAT_START, body=b"2\r\n{}zz")
    answer = only_answer(exchange(server.gateway, data))
    assert answer.status == 400
    assert "x-content-type-options" not in answer.headers
    assert len(upstream.journal) == before


def test_trailer_is_no_header(server: Running) -> None:
    body = b"0\r\nX-Request-Id: from-a-trailer\r\n\r\n"
    lines = (HOST, CHUNKED, b"Connection: close", b"X-Request-Id: from-a-header")
    answer = only_answer(exchange(server.gateway, request(*lines, body=body)))
    assert answer.headers["x-request-id"] == "from-a-header"
    body = b"0\r\nX-Client-Request-Id: from-a-trailer\r\n\r\n"
    answer = only_answer(exchange(server.gateway, request(*lines[:3], body=body)))
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /health HTTP/1.1\r\nX: ", 431),
        (request(HOST, CHUNKED, body=b"0\r\nX: "), 400),
        (request(HOST, CHUNKED, body=b"1;"), 400),
    ],
    ids=["header", "trailer", "chunk extension"],
)
def test_field_without_end_is_refused_before_it_fills_memory(
    server: Running, data: bytes, status: int
) -> None:
    """Sent in pieces, as fast as it is taken: the parser would keep all of it."""
    with server.gateway.raw() as sock:
        sock.sendall(data)
        heard = pour(sock, limit=16_000_000)
        assert only_answer(heard).status == status


def pour(sock: socket.socket, limit: int) -> bytes:
    """Send until the peer has had enough, then return what it said."""
    try:
        for _ in range(limit // 50_000):
            sock.sendall(b"a" * 50_000)
    except ConnectionError:
        return read_to_end(sock)
    raise AssertionError(f"the server took {limit} bytes of one field")


def test_chunks_of_one_byte_are_no_attack(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(echo)
    body = json.dumps(body_of("a" * 30_000, stream=True)).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    lines = (HOST, CHUNKED, b"Connection: close")
    answer = only_answer(
        exchange(server.gateway, request(*lines, start=CHAT_START, body=chunks))
    )
    assert answer.status == 200
