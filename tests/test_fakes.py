"""The scripted upstream reads requests, keeps its journal and answers as told."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.fakes import (
    FakeUpstream,
    Recorded,
    Step,
    chat_answer,
    chat_events,
    close,
    head,
    json_answer,
    sliced,
    sse,
    stream,
    stream_until_close,
    whatwg_payloads,
)
from tests.fakes.clients import GET_X, client, connect, fetch, read_all

CHAT = "/v1/chat/completions"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=("tiny", "org/large")) as fake:
        yield fake


def test_models_are_listed_in_order(upstream: FakeUpstream) -> None:
    status, body = fetch(upstream, "GET", "/v1/models")
    assert status == 200
    assert [model["id"] for model in json.loads(body)["data"]] == ["tiny", "org/large"]


def test_path_without_a_script_is_404_in_json(upstream: FakeUpstream) -> None:
    status, body = fetch(upstream, "GET", "/v1/absent")
    assert status == 404
    assert json.loads(body)["error"] == {
        "message": "the fake has no script for GET /v1/absent",
        "type": "invalid_request_error",
        "code": "not_found",
    }


def test_same_path_with_another_method_has_no_script(upstream: FakeUpstream) -> None:
    assert fetch(upstream, "DELETE", "/v1/models")[0] == 404


def test_query_does_not_choose_the_script(upstream: FakeUpstream) -> None:
    assert fetch(upstream, "GET", "/v1/models?limit=2")[0] == 200
    assert upstream.journal[0].target == "/v1/models?limit=2"
    assert upstream.journal[0].path == "/v1/models"


def test_journal_keeps_headers_as_they_were_sent(upstream: FakeUpstream) -> None:
    with connect(upstream) as sock:
        sock.sendall(
            b"POST /v1/x HTTP/1.1\r\nhOST: a\r\nX-Two: 1\r\nx-two:  2 \r\n"
            b"Connection: close\r\nContent-Length: 9\r\n\r\n"
            b'{"a": 1}\n'
        )
        read_all(sock)
    request = upstream.journal[0]
    assert (request.method, request.target) == ("POST", "/v1/x")
    assert request.headers == (
        ("hOST", "a"),
        ("X-Two", "1"),
        ("x-two", "2"),
        ("Connection", "close"),
        ("Content-Length", "9"),
    )
    assert request.header("Host") == "a"
    assert request.header("authorization") is None
    assert request.body == b'{"a": 1}\n'
    assert request.json() == {"a": 1}
    with pytest.raises(ValueError, match="'x-two' came 2 times"):
        request.header("x-two")


def test_chunked_request_body_is_joined_and_its_trailers_are_dropped(
    upstream: FakeUpstream,
) -> None:
    with connect(upstream) as sock:
        sock.sendall(
            b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;note=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n"
            b"GET /v1/y HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        assert read_all(sock).count(b"HTTP/1.1 404 Not Found\r\n") == 2
    assert upstream.journal[0].body == b"abc0123456789"
    assert upstream.journal[1].target == "/v1/y"


def test_request_in_single_bytes_is_read_whole(upstream: FakeUpstream) -> None:
    with connect(upstream) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b"POST /x HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"
        for at in range(len(request)):
            sock.sendall(request[at : at + 1])
        read_all(sock)
    assert upstream.journal[0].body == b"hi"


@pytest.mark.parametrize(
    ("request_bytes", "message"),
    [
        (b"GET /x HTTP/2\r\n\r\n", "not HTTP/1"),
        (b"GET /x HTTP/1.1\r\nno colon\r\n\r\n", "not a header line"),
        (b"GET /x HTTP/1.1\r\nName : x\r\n\r\n", "not a header line"),
        (
            b"POST /x HTTP/1.1\r\nContent-Length: 0\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n",
            "transfer-encoding 'chunked', content-length '0'",
        ),
        (
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            "a chunk of 1 bytes does not end with CR LF",
        ),
    ],
)
def test_malformed_request_fails_the_test(request_bytes: bytes, message: str) -> None:
    fake = FakeUpstream()
    with connect(fake) as sock:
        sock.sendall(request_bytes)
        read_all(sock)
    with pytest.raises(ValueError, match=message):
        fake.close()


def test_connection_takes_the_next_request(upstream: FakeUpstream) -> None:
    upstream.chat(stream(chat_events("Hi")))
    connection = client(upstream)
    for method, path in [("GET", "/v1/models"), ("POST", CHAT), ("GET", "/nowhere")]:
        connection.request(method, path)
        connection.getresponse().read()
    assert upstream.connections == 1
    assert upstream.active == 1
    assert [request.connection for request in upstream.journal] == [1, 1, 1]
    connection.close()
    upstream.wait_for_active(0)


@pytest.mark.parametrize(
    "head_bytes",
    [
        b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.0\r\n\r\n",
    ],
)
def test_client_that_does_not_keep_alive_gets_fin(
    upstream: FakeUpstream, head_bytes: bytes
) -> None:
    with connect(upstream) as sock:
        sock.sendall(head_bytes)
        assert read_all(sock).endswith(b"}")


def test_scripts_are_used_up_and_the_last_one_stays(upstream: FakeUpstream) -> None:
    upstream.on(
        "GET", "/x", json_answer(503, {}), then=[json_answer(429, {}), chat_answer("a")]
    )
    assert [fetch(upstream, "GET", "/x")[0] for _ in range(4)] == [503, 429, 200, 200]


def test_second_script_for_a_route_replaces_the_first(upstream: FakeUpstream) -> None:
    upstream.on("GET", "/x", json_answer(503, {}), then=[json_answer(429, {})])
    upstream.on("GET", "/x", json_answer(418, {}))
    assert fetch(upstream, "GET", "/x")[0] == 418


def test_callable_script_sees_the_request(upstream: FakeUpstream) -> None:
    def echo(request: Recorded) -> list[Step]:
        return json_answer(200, {"target": request.target})

    upstream.on("GET", "/x", echo)
    assert fetch(upstream, "GET", "/x?a=1")[1] == b'{"target": "/x?a=1"}'


def test_chunked_stream_carries_the_events_and_ends(upstream: FakeUpstream) -> None:
    upstream.chat(stream(chat_events("Hé", "llo")))
    status, body = fetch(upstream, "POST", CHAT)
    payloads = [json.loads(data) for data in whatwg_payloads(body)[:-1]]
    assert status == 200
    assert [p["choices"][0]["delta"] for p in payloads] == [
        {"role": "assistant", "content": ""},
        {"content": "Hé"},
        {"content": "llo"},
        {},
    ]
    assert payloads[-1]["choices"][0]["finish_reason"] == "stop"
    assert body.endswith(b"data: [DONE]\n\n")


def test_stream_until_close_has_no_other_framing(upstream: FakeUpstream) -> None:
    upstream.chat(stream_until_close([sse({"é": 1}), b": x\n\n"]))
    with connect(upstream) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n\r\n")
        assert read_all(sock) == (
            b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            b'data: {"\xc3\xa9":1}\n\n: x\n\n'
        )


def test_unknown_status_has_a_phrase() -> None:
    assert head(529, ("A", "b")) == b"HTTP/1.1 529 Unknown\r\nA: b\r\n\r\n"


def test_sliced_bytes_arrive_whole(upstream: FakeUpstream) -> None:
    upstream.on("GET", "/x", [sliced(b"0123456789", 3), close()])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        assert read_all(sock) == b"0123456789"
