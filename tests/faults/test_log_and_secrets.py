"""Rows 63, 64 and 75: what the log says of evil requests, and that no output tells a secret."""

import json
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
import requests

from tests.fakes import (
    FakeUpstream,
    Script,
    chat_answer,
    chat_chunk,
    chat_events,
    chunked,
    close,
    head,
    json_answer,
    refusing_url,
    rst,
    send,
    sse,
    sse_head,
    stream,
)
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.guarded import KEY, PASSWORD, basic, guarded_settings
from tests.web.surface import Body

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"
UPSTREAM_KEY = "sk-canary-of-the-upstream"
PROMPT, ANSWER, HEADER = "canary-of-the-prompt", "canary-of-the-answer", "canary-header"

MODELS = [f"tiny-{number}" for number in range(180)]
"""One for each upstream answer of which the gateway remembers something."""

EVIL = '\n{"event":"request","user":"admin","status":200}\r\x1b[31m\u2028\x85'
ASKING = {"x-api-key": KEY}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """It has secrets of every kind, and stands behind one proxy."""
    with refusing_url() as dead:
        urls = dict.fromkeys(MODELS, upstream.url) | {"dead": dead}
        pools = [pool_of(name, url, api_key=UPSTREAM_KEY) for name, url in urls.items()]
        settings = guarded_settings()
        settings["server"] = {"trusted_proxies": 1}
        with serving(settings | {"pools": pools}, server=server) as made:
            yield made


@pytest.fixture(scope="module")
def unused(gateway: Gateway) -> Iterator[str]:
    """Models whose upstream has not been seen to fail."""
    return iter(MODELS[1:])


def body_of(model: str = "tiny-0", text: str = PROMPT, **fields: object) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def asked(gateway: Gateway, path: str, body: object, **headers: str) -> dict[str, Any]:
    """The access line of `POST path`."""
    own = f"log-{token_hex(8)}"
    gateway.post(path, body, headers={**ASKING, **headers, "X-Request-Id": own})
    return gateway.logged(own)


def test_request_is_one_line_whatever_is_in_it(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    upstream.chat(chat_answer(EVIL))
    lines_before = len(gateway.log().splitlines())
    header = f"x{EVIL[1:]}".encode().translate(None, b"\r\x1b").decode("latin-1")
    evil: list[tuple[str, object, dict[str, str]]] = [
        (NEW, body_of(text=EVIL, user=EVIL), {}),
        (NEW, body_of(model=EVIL), {}),
        ("/nope/" + requests.utils.quote(EVIL), {}, {}),
        (NEW, EVIL.encode(), {}),
        (NEW, body_of(), {"User-Agent": header, "X-Client-Request-Id": header}),
        (NEW, body_of(), {"Authorization": basic(EVIL)["Authorization"]}),
    ]
    lines = [asked(gateway, path, body, **more) for path, body, more in evil]
    assert [line["status"] for line in lines] == [200, 404, 404, 400, 200, 401]
    assert "admin" not in {line["user"] for line in lines}
    written = gateway.log().split("\n")[lines_before:-1]
    assert [json.loads(line)["event"] for line in written] == ["request"] * len(evil)
    assert all(line.isascii() and line.isprintable() for line in written)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("6.6.6.6, 10.0.0.9", "10.0.0.9"),
        ("6.6.6.6,6.6.6.7 , 10.0.0.9", "10.0.0.9"),
        ("6.6.6.6, 2001:db8::1", "2001:db8::1"),
        ("", "127.0.0.1"),
    ],
)
def test_address_of_a_client_is_what_our_own_proxy_says(
    gateway: Gateway, upstream: FakeUpstream, sent: str, seen: str
) -> None:
    """What the client wrote before it is never believed."""
    upstream.chat(chat_answer("Hello"))
    line = asked(gateway, NEW, body_of(), **{"X-Forwarded-For": sent})
    assert line["client_ip"] == seen


TOLD = "no route to http://10.1.2.3:8000/v1"


def error_of(message: str) -> Body:
    return {"error": {"message": message, "type": "x", "code": None}}


ERROR = error_of(TOLD)
PART = chunked(sse(chat_chunk({"content": ANSWER})))


def broken(event: bytes) -> Script:
    """A stream that begins well, and ends with `event`."""
    return [send(sse_head() + PART + chunked(event)), close()]


BREAKING: dict[str, Script] = {
    "answer": chat_answer(ANSWER),
    "stream": stream(chat_events(ANSWER)),
    "cut": [send(sse_head() + PART), rst()],
    "reset": [rst()],
    "bad_event": broken(b"data: {%b\n\n" % ANSWER.encode()),
    "error_event": broken(sse(ERROR)),
    "first_event": stream([sse(ERROR)]),
    "page": [
        send(head(200, ("Content-Length", str(len(TOLD))), ("X-Key", UPSTREAM_KEY))),
        send(TOLD.encode()),
    ],
    **{str(status): json_answer(status, ERROR) for status in (400, 401, 404, 429, 500)},
}


@pytest.mark.parametrize("route", [NEW, OLD])
@pytest.mark.parametrize("name", BREAKING)
def test_no_answer_tells_a_secret(
    gateway: Gateway,
    upstream: FakeUpstream,
    unused: Iterator[str],
    name: str,
    route: str,
) -> None:
    """Not even where the upstream blurts it out."""
    upstream.chat(BREAKING[name])
    for wanted in (False, True):
        for headers in (ASKING, basic("alice")):
            body = body_of(next(unused), stream=wanted)
            answer = gateway.post(route, body, headers=headers)
            shown = f"{answer.headers}\n{answer.text}"
            for secret in (UPSTREAM_KEY, KEY, PASSWORD, "10.1.2.3", upstream.url[7:]):
                assert secret not in shown


BLURTED = error_of(f"Incorrect API key provided: {UPSTREAM_KEY}")
BLURTING: dict[str, Script] = {
    "error_event": broken(sse(BLURTED)),
    "first_event": stream([sse(BLURTED)]),
    **{str(status): json_answer(status, BLURTED) for status in (400, 404, 429, 500)},
}


@pytest.mark.parametrize("name", BLURTING)
def test_upstream_that_blurts_out_our_key_is_not_quoted(
    gateway: Gateway, upstream: FakeUpstream, unused: Iterator[str], name: str
) -> None:
    upstream.chat(BLURTING[name])
    body = body_of(next(unused), stream="event" in name)
    answer = gateway.post(NEW, body, headers=ASKING)
    assert UPSTREAM_KEY not in answer.text


def test_no_refusal_or_list_tells_a_secret(gateway: Gateway) -> None:
    shown = [
        gateway.get("/health"),
        gateway.get("/readyz"),
        gateway.get("/v1/models", headers=ASKING),
        gateway.get("/v1/models", headers={"Authorization": f"Bearer {KEY}x"}),
        gateway.get("/v1/models", headers=basic("alice", f"{PASSWORD}x")),
        gateway.get(f"/nope?key={KEY}", headers=ASKING),
        gateway.post(NEW, body_of("dead"), headers=ASKING),
        gateway.post(NEW, body_of("nope"), headers=ASKING),
    ]
    for answer in shown:
        for secret in (UPSTREAM_KEY, KEY, PASSWORD):
            assert secret not in f"{answer.headers}\n{answer.text}"


def test_log_tells_no_secret_no_prompt_and_no_answer(
    gateway: Gateway, upstream: FakeUpstream, unused: Iterator[str]
) -> None:
    headers = dict.fromkeys(("Cookie", "User-Agent", "Referer", "X-Own"), HEADER)
    for script in (*BREAKING.values(), *BLURTING.values()):
        upstream.chat(script)
        for wanted in (False, True):
            body = body_of(next(unused), stream=wanted)
            line = asked(gateway, f"{NEW}?q={HEADER}", body, **headers)
            assert line["attempts"] == 1
    asked(gateway, NEW, f'{{"model": "{PROMPT}'.encode())
    asked(gateway, NEW, body_of(temperature=PROMPT))
    sign_in = {"email": "alice@example.com", "password": PASSWORD}
    token = gateway.post("/api/v1/auths/signin", sign_in).json()["token"]
    assert gateway.get("/v1/models", headers={"x-api-key": token}).status_code == 200
    log = gateway.log()
    for secret in (UPSTREAM_KEY, KEY, PASSWORD, token, PROMPT, ANSWER, HEADER):
        assert secret not in log
