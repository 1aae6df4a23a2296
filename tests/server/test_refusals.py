"""What the server refuses by itself: like any answer it has an id, and a line in the log."""

import json

import pytest

from tests.fakes import FakeUpstream
from tests.gateway import Gateway
from tests.server.cases import HOST, get, request
from tests.server.running import Running
from tests.server.stage import body_of, echo, posted
from tests.server.wire import Answer, answers_in, exchange

POST = b"POST /v1/models HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"

REFUSED = {
    "garbage": (b"\x00\r\n\r\n", 400, "", ""),
    "no host": (request(start=b"GET /health HTTP/1.1"), 400, "GET", "/health"),
    "lengths": (
        request(HOST, *[b"Content-Length: 1"] * 2, start=POST),
        400,
        "POST",
        "/v1/models",
    ),
    "chunk": (
        request(HOST, CHUNKED, start=POST, body=b"zz\r\n"),
        400,
        "POST",
        "/v1/models",
    ),
    "late head": (b"GET /health HTTP/1.1\r\nHo", 408, "GET", "/health"),
    "long line": (get(b"/" + b"a" * 9000), 414, "GET", "/" + "a" * 499),
    "headers": (request(HOST, *[b"X: y"] * 101, start=POST), 431, "POST", "/v1/models"),
    "coding": (
        request(HOST, b"Transfer-Encoding: br", start=POST),
        501,
        "POST",
        "/v1/models",
    ),
    "version": (get(b"/v1/models", b"HTTP/2.0"), 505, "GET", "/v1/models"),
}


def refused(gateway: Gateway, data: bytes) -> Answer:
    (answer,) = answers_in(exchange(gateway, data))
    return answer


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_has_an_id_and_a_line_in_the_log(server: Running, name: str) -> None:
    data, status, method, path = REFUSED[name]
    answer = refused(server.gateway, data)
    assert answer.status == status
    made = answer.headers["x-request-id"]
    assert made.startswith("req_")
    line = server.gateway.logged(made)
    assert line["id"] == made
    assert line["status"] == status
    assert line["outcome"] == "refused"
    assert line["fault"] == "caller"
    assert line["error"] == json.loads(answer.body)["error"]["code"]
    assert line["client_ip"] == "127.0.0.1"
    assert line["method"] == method
    assert line["path"] == path
    assert server.gateway.log().count(made) == 2


def test_refusals_have_ids_of_their_own(server: Running) -> None:
    data = get(b"/", b"HTTP/2.0").replace(
        b"\r\n\r\n", b"\r\nX-Request-Id: mine\r\n\r\n"
    )
    made = {refused(server.gateway, data).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    assert "mine" not in made


@pytest.mark.parametrize(
    "target",
    [
        b"/ollama/key/sk-secret/api/chat",
        b"//ollama//key//sk-secret",
        b"/ollama/k%65y/sk-secret",
        b"/health?key=sk-secret",
        b"http://me:sk-secret@gateway/health",
        b"/ollama/key/sk-secret/" + b"a" * 9000,
    ],
)
def test_no_key_of_a_refused_request_is_logged(server: Running, target: bytes) -> None:
    answer = refused(server.gateway, request(start=b"GET " + target + b" HTTP/1.1"))
    assert answer.status in (400, 414)
    assert "sk-secret" not in str(server.gateway.logged(answer.headers["x-request-id"]))
    assert "sk-secret" not in server.gateway.log()


def test_line_is_written_when_the_refusal_is(
    server: Running, upstream: FakeUpstream
) -> None:
    """After the answer that was due: what is never told is not logged either."""
    upstream.chat(echo)
    data = posted(body_of("Hello", stream=True)) + get(b"/", b"HTTP/2.0")
    stream, behind = answers_in(exchange(server.gateway, data))
    assert (stream.status, behind.status) == (200, 505)
    assert server.gateway.logged(stream.headers["x-request-id"])["status"] == 200
    assert server.gateway.logged(behind.headers["x-request-id"])["status"] == 505
