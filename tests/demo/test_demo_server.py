"""The demo's HTTP manners: bytes, limits and its end."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest

from llmwrap.demo import DemoUpstream
from llmwrap.demo.server import _Server

HELLO = {
    "model": "llmwrap-demo-chat",
    "messages": [{"role": "user", "content": "Hello"}],
}


def address(upstream: DemoUpstream) -> tuple[str, int]:
    parts = urlsplit(upstream.url)
    assert parts.hostname == "127.0.0.1"
    return parts.hostname, parts.port


@pytest.fixture
def connection(demo: DemoUpstream) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(*address(demo), timeout=10)) as opened:
        yield opened


def post_chat(connection: HTTPConnection, **fields: object) -> HTTPResponse:
    body = json.dumps(HELLO | fields)
    connection.request("POST", "/v1/chat/completions", body)
    return connection.getresponse()


def exchange(upstream: DemoUpstream, request: bytes) -> bytes:
    """Send raw bytes and read until the server ends the connection."""
    with socket.create_connection(address(upstream), timeout=10) as raw:
        raw.sendall(request)
        return b"".join(iter(lambda: raw.recv(65536), b""))


def test_stream_is_chunked_sse_that_ends_with_done(connection: HTTPConnection) -> None:
    response = post_chat(connection, stream=True)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Transfer-Encoding"] == "chunked"
    frames = response.read().split(b"\n\n")
    assert frames[-2:] == [b"data: [DONE]", b""]
    assert all(frame.startswith(b"data: {") for frame in frames[:-2])
    assert b'"usage"' not in b"".join(frames)


def test_usage_is_null_until_the_last_chunk(connection: HTTPConnection) -> None:
    options = {"include_usage": True}
    response = post_chat(connection, stream=True, stream_options=options)
    frames = response.read().split(b"\n\n")[:-2]
    usages = [json.loads(frame[6:])["usage"] for frame in frames]
    assert usages[:-1] == [None] * (len(usages) - 1)
    assert usages[-1]["prompt_tokens"] == 1


def test_connection_is_kept_after_a_stream_and_after_an_error(
    connection: HTTPConnection,
) -> None:
    post_chat(connection, stream=True).read()
    kept = connection.sock
    post_chat(connection, model="other").read()
    response = post_chat(connection)
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert connection.sock is kept


def test_error_has_the_openai_shape(connection: HTTPConnection) -> None:
    connection.request("POST", "/v1/chat/completions", b"{")
    response = connection.getresponse()
    error = json.loads(response.read())["error"]
    assert response.status == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == (
        "invalid_request_error",
        None,
        "invalid_json",
    )


def test_wrong_method_names_the_accepted_one(connection: HTTPConnection) -> None:
    connection.request("GET", "/v1/embeddings")
    response = connection.getresponse()
    assert (response.status, response.headers["Allow"]) == (405, "POST")


def test_unknown_path_is_404(connection: HTTPConnection) -> None:
    connection.request("GET", "/v2")
    response = connection.getresponse()
    assert response.status == 404
    assert json.loads(response.read())["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: 33554433", 413),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 1e3", 400),
        (b"Content-Length: " + b"9" * 5000, 400),
        (b"Transfer-Encoding: chunked", 400),
    ],
)
def test_body_of_unacceptable_length_ends_the_connection(
    demo: DemoUpstream, headers: bytes, status: int
) -> None:
    head = b"POST /v1/completions HTTP/1.1\r\nHost: demo\r\n%b\r\n\r\n" % headers
    answer = exchange(demo, head)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"DELETE /v1/models HTTP/1.1", 501), (b"GET /a b c HTTP/1.1", 400)],
)
def test_refusal_of_the_http_library_is_json_too(
    demo: DemoUpstream, request_line: bytes, status: int
) -> None:
    answer = exchange(demo, request_line + b"\r\nHost: demo\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" %d " % status in head.partition(b"\r\n")[0]
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_head_is_refused_without_a_body(demo: DemoUpstream) -> None:
    answer = exchange(demo, b"HEAD /v1/models HTTP/1.1\r\nHost: demo\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert answer.endswith(b"\r\n\r\n")


def test_connection_over_the_limit_is_closed_unanswered() -> None:
    with closing(DemoUpstream(max_connections=1)) as upstream:
        upstream.start()
        with closing(HTTPConnection(*address(upstream), timeout=10)) as first:
            assert post_chat(first).status == 200
            with socket.create_connection(address(upstream), timeout=10) as second:
                assert second.recv(1) == b""


def test_address_is_known_before_the_start() -> None:
    with (
        closing(DemoUpstream()) as upstream,
        socket.create_connection(address(upstream), timeout=10) as raw,
    ):
        raw.sendall(b"GET /v1/models HTTP/1.1\r\nHost: demo\r\n\r\n")
        upstream.start()
        upstream.start()
        assert raw.recv(12) == b"HTTP/1.1 200"


def test_close_cuts_open_connections_and_frees_the_port() -> None:
    upstream = DemoUpstream()
    upstream.start()
    with socket.create_connection(address(upstream), timeout=10) as raw:
        raw.sendall(b"GET /v1/models HTTP/1.1\r\nHost: demo\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
        upstream.close()
        assert b"".join(iter(lambda: raw.recv(65536), b"")).count(b"HTTP/1.1") == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(upstream), timeout=10)
    upstream.close()


def test_close_without_start_does_not_wait() -> None:
    DemoUpstream().close()


def test_client_that_leaves_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps(HELLO | {"stream": True, "n": 128}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    before = set(threading.enumerate())
    with closing(DemoUpstream()) as upstream:
        upstream.start()
        with socket.create_connection(address(upstream), timeout=10) as raw:
            raw.sendall(head % len(body) + body)
            assert raw.recv(12) == b"HTTP/1.1 200"
        for thread in set(threading.enumerate()) - before:
            if "process_request" in thread.name:
                thread.join(10)
    assert caplog.records == []


def test_defect_of_ours_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with _Server(1) as server:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            server.handle_error(None, None)
    assert [record.message for record in caplog.records] == ["demo_upstream_failed"]
