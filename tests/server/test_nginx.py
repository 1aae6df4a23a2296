"""The shipped nginx configuration before a gateway: headers, errors, streams as they come."""

import json
import re
import threading
from collections.abc import Iterator

import pytest

from tests.fakes import (
    FakeUpstream,
    chat_answer,
    chunked,
    expect_hangup,
    send,
    sse_head,
)
from tests.gateway import ROOT, Gateway, RawAnswer, read_answer
from tests.server import nginx
from tests.server.cases import HOST, get, request
from tests.server.running import Running, eventually
from tests.server.stage import PART, body_of, held, posted
from tests.server.wire import Answer, answers_in, exchange

LAST = b"Connection: close"
LIMIT = "client_max_body_size 33554432;"


@pytest.fixture(scope="module")
def front(server: Running) -> Iterator[Gateway]:
    with nginx.before(server.gateway) as made:
        yield made


def checked(answer: RawAnswer | Answer, status: int) -> dict[str, str | None]:
    """The error of one of nginx's own answers."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["server"] == "nginx"
    assert answer.headers["x-request-id"]
    body = json.loads(answer.body)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["detail"] == body["error"]["message"]
    return dict(body["error"])


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (request(start=b"GET / HTTP/1.1"), 400, "invalid_request"),
        (get(b"/" + b"a" * 9000), 414, "invalid_request"),
        (request(HOST, b"X: " + b"a" * 9000), 431, "invalid_request"),
        (request(HOST, b"Content-Length: 33554433"), 413, "request_too_large"),
        (request(HOST, b"Transfer-Encoding: x"), 501, "invalid_request"),
        (get(b"/", b"HTTP/2.0"), 505, "invalid_request"),
    ],
    ids=["no host", "line", "field", "body", "coding", "version"],
)
def test_what_nginx_refuses_has_the_shape_of_our_errors(
    front: Gateway, data: bytes, status: int, code: str
) -> None:
    with front.raw() as sock:
        sock.sendall(data)
        answer = read_answer(sock)
    assert checked(answer, status)["code"] == code
    assert answer.headers["x-llmwrap-fault"] == "caller"


def test_chunked_body_over_the_limit_is_413(server: Running) -> None:
    with nginx.before(server.gateway, {LIMIT: "client_max_body_size 1000;"}) as front:
        body = b"7d0\r\n" + b" " * 2000 + b"\r\n0\r\n\r\n"
        data = request(HOST, b"Transfer-Encoding: chunked", body=body)
        (answer,) = answers_in(exchange(front, data))
    assert checked(answer, 413)["code"] == "request_too_large"


def test_refused_request_is_logged_as_it_came(server: Running) -> None:
    with nginx.before(server.gateway, {LIMIT: "client_max_body_size 1000;"}) as front:
        assert front.post("/v1/chat/completions", b" " * 2000).status_code == 413
        eventually(lambda: '"POST /v1/chat/completions" 413 ' in front.log())


def test_short_form_in_the_readme_says_what_the_file_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if "proxy_pass" in line)
    directives = re.findall(r"proxy_(?!pass)\w+ [^;]+;", line)
    shipped = nginx.SHIPPED.read_text(encoding="utf-8")
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in directives
    assert [each for each in directives if f"    {each}" not in shipped] == []


def test_gateway_that_does_not_run_is_a_502_to_try_again(
    server: Running,
) -> None:
    nobody = Gateway(("127.0.0.1", 1), server.home / "nobody")
    with nginx.before(nobody) as front:
        answer = front.get("/health")
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "gateway_unavailable"
    assert answer.json()["error"]["type"] == "server_error"
    assert answer.headers["x-llmwrap-fault"] == "gateway"
    assert answer.headers["Retry-After"] == "1"


def test_errors_of_the_gateway_pass_as_they_are(
    front: Gateway, server: Running
) -> None:
    through, direct = (at.get("/nothing") for at in (front, server.gateway))
    assert through.status_code == direct.status_code == 404
    assert through.json() == direct.json()


def test_old_protocol_without_a_status_gets_no_answer(front: Gateway) -> None:
    assert exchange(front, b"GET /health\r\n") == b""


def test_every_event_goes_on_at_once(front: Gateway, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with front.raw() as sock:
        sock.sendall(posted(body_of(stream=True), b"Connection: close"))
        begun = b""
        while PART not in begun:
            begun += sock.recv(65_536)
        gate.set()
        rest = b"".join(iter(lambda: sock.recv(65_536), b""))
    (answer,) = answers_in(begun + rest)
    assert answer.whole
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_client_that_leaves_stops_its_model(
    front: Gateway, upstream: FakeUpstream
) -> None:
    gone = threading.Event()
    upstream.chat([send(sse_head() + chunked(PART)), expect_hangup(gone)])
    with front.raw() as sock:
        sock.sendall(posted(body_of(stream=True)))
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert gone.wait(10)


def test_callers_address_is_nginx_own_word(front: Gateway, server: Running) -> None:
    sent = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Real-IP": "203.0.113.8",
        "Forwarded": "for=203.0.113.9",
        "X_Forwarded_For": "203.0.113.10",
    }
    answer = front.get("/nothing", headers=sent)
    line = server.gateway.logged(answer.headers["x-request-id"])
    assert line["client_ip"] == "127.0.0.1"


@pytest.mark.parametrize("sent", ["mine-1", "a" * 64])
def test_callers_request_id_is_kept(front: Gateway, sent: str) -> None:
    answer = front.get("/nothing", headers={"X-Request-ID": sent})
    assert answer.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "not an id", "a" * 65, "a,b"])
def test_request_id_that_is_none_is_replaced(
    front: Gateway, server: Running, sent: str
) -> None:
    answer = front.get("/nothing", headers={"X-Request-ID": sent})
    given = answer.headers["x-request-id"]
    assert len(given) == 32
    assert server.gateway.logged(given)["status"] == 404


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6detrics"])
def test_metrics_are_for_listed_addresses(server: Running, path: str) -> None:
    with nginx.before(server.gateway, {"allow 127.0.0.1;": ""}) as front:
        (answer,) = answers_in(
            exchange(
                front, request(HOST, LAST, start=b"GET %b HTTP/1.1" % path.encode())
            )
        )
    assert checked(answer, 403)["code"] == "forbidden"
    assert answer.headers["x-llmwrap-fault"] == "policy"


def test_too_many_connections_of_one_address_are_429(
    server: Running, upstream: FakeUpstream
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    changes = {"limit_conn llmwrap_clients 256;": "limit_conn llmwrap_clients 1;"}
    with nginx.before(server.gateway, changes) as front, front.raw() as sock:
        sock.sendall(posted(body_of(stream=True)))
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200 ")
        refused = front.get("/health")
        gate.set()
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error"]["type"] == "rate_limit_error"


def test_connections_are_kept_on_the_clients_side(
    front: Gateway, upstream: FakeUpstream
) -> None:
    upstream.chat(chat_answer("Hello"))
    with front.raw() as sock:
        for _ in range(20):
            sock.sendall(posted(body_of()))
            assert read_answer(sock).status == 200


def test_limit_is_the_gateways_own() -> None:
    """Both say the same number in their refusals."""
    text = nginx.SHIPPED.read_text(encoding="utf-8")
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert "max_body_bytes = 33554432" in example.replace("33_554_432", "33554432")
    assert text.count("33554432") == 2


def test_key_in_a_path_is_not_in_the_access_log(front: Gateway) -> None:
    for path in ("/ollama/key/sk_canary/api/version", "/ollama//key//sk_canary?x=1"):
        front.get(path)
    # nginx writes its log after the answer.
    eventually(lambda: front.log().count("GET /ollama/key/...") == 2)
    lines = [line for line in front.log().splitlines() if "/ollama/key/..." in line]
    assert [line.split('"')[1] for line in lines] == [
        "GET /ollama/key/.../api/version",
        "GET /ollama/key/...?x=1",
    ]
    assert "sk_canary" not in front.log()


@pytest.mark.parametrize(
    "path",
    [
        "/OLLAMA/key/sk_canary/api/version",
        "/ollama/keys/sk_canary",
        "/ollama/%6bey/sk_canary/api/version",
        "/ollama/ke%79%2Fsk_canary",
        "/ollama/api/version/sk_live_canary",
    ],
)
def test_path_that_may_hold_a_key_is_not_in_the_access_log(
    front: Gateway, path: str
) -> None:
    before = front.log().count('"GET /..."')
    with front.raw() as sock:
        sock.sendall(get(path.encode()))
        read_answer(sock, "GET")
    eventually(lambda: front.log().count('"GET /..."') > before)
    assert "canary" not in front.log()
