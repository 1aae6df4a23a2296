"""Headers in both directions: request ids, and nothing that does not belong (C12, C13)."""

import re

import pytest

from tests.fakes import Recorded, Step, head, json_answer, send
from tests.gateway import Gateway
from tests.web.surface import (
    UPSTREAM_KEY,
    Body,
    Stage,
    chat_body,
    completion_of,
)

ROUTE = "/api/v1/chat/completions"
OWN_ID = re.compile(r"req_[0-9a-f]{24}")

TOWARDS_UPSTREAM = {
    "accept",
    "accept-encoding",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "traceparent",
    "user-agent",
    "x-request-id",
}

TOWARDS_CLIENT = {
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "server",
    "x-content-type-options",
    "server-timing",
    "x-llmwrap-attempts",
    "x-llmwrap-overhead-ms",
    "x-llmwrap-upstream",
    "x-ratelimit-limit",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-request-id",
}

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

SENT = {
    "Accept": "text/canary",
    "Accept-Encoding": "gzip, canary",
    "Accept-Language": "canary",
    "Authorization": "Bearer canary",
    "Cookie": "session=canary",
    "Forwarded": "for=canary",
    "OpenAI-Beta": "canary",
    "OpenAI-Organization": "canary",
    "OpenAI-Project": "canary",
    "Proxy-Authorization": "canary",
    "Referer": "canary",
    "User-Agent": "canary/1.0",
    "X-Api-Key": "canary",
    "Api-Key": "canary",
    "X-Client-Request-Id": "canary",
    "X-Request-Id": "canary",
    "X-Real-Ip": "canary",
    "X-Stainless-Lang": "canary",
    "X-User-Id": "canary",
    "traceparent": TRACE,
    "tracestate": "canary=1",
}


def test_upstream_sees_no_header_of_the_client(stage: Stage) -> None:
    """C13."""
    answer = stage.gateway.post(ROUTE, chat_body(), headers=SENT)
    assert answer.status_code == 200
    sent = stage.chat.request.headers
    assert {name.lower() for name, _ in sent} <= TOWARDS_UPSTREAM
    assert "canary" not in str(sent)


def test_upstream_sees_the_credential_of_the_gateway(stage: Stage) -> None:
    """C13."""
    stage.gateway.post(ROUTE, chat_body(), headers=SENT)
    request = stage.chat.request
    assert request.header("Authorization") == f"Bearer {UPSTREAM_KEY}"
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Content-Type") == "application/json"
    assert request.header("Content-Length") == str(len(request.body))
    assert request.header("Host") == stage.chat.fake.url.removeprefix("http://")


def test_proxy_and_netrc_of_the_environment_are_not_heeded(stage: Stage) -> None:
    """Either would show prompts or keys to others; the harness sets both."""
    answer = stage.gateway.post("/code/v1/chat/completions", chat_body("/code/v1"))
    assert answer.status_code == 200
    assert stage.code.request.header("Authorization") is None


def test_upstream_without_a_key_sees_no_credential(stage: Stage) -> None:
    stage.gateway.post("/code/v1/chat/completions", chat_body("/code/v1"), headers=SENT)
    assert stage.code.request.header("Authorization") is None


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        ({"traceparent": TRACE}, TRACE),
        ({"traceparent": "00-canary"}, None),
        ({"traceparent": TRACE + "-\u00e9"}, None),
        ({}, None),
    ],
)
def test_trace_context_goes_on_where_it_is_well_formed(
    stage: Stage, sent: dict[str, str], passed_on: str | None
) -> None:
    stage.gateway.post(ROUTE, chat_body(), headers=sent)
    assert stage.chat.request.header("traceparent") == passed_on


def test_request_ids_upstream_are_our_own_and_unique(stage: Stage) -> None:
    """C12: vLLM makes its ids of them."""
    for _ in range(3):
        stage.gateway.post(ROUTE, chat_body(), headers={"X-Request-Id": "same"})
    ids = [request.header("X-Request-Id") or "" for request in stage.chat.requests]
    assert len(set(ids)) == 3
    assert all(OWN_ID.fullmatch(each) for each in ids)


def ask_everything(gateway: Gateway, **options: Body) -> list[str]:
    """The request ids of a success, a stream, 404, 405, 400, HEAD and OPTIONS."""
    answers = [
        gateway.get("/health", **options),
        gateway.get("/v1/models", **options),
        gateway.post(ROUTE, chat_body(), **options),
        gateway.post(ROUTE, chat_body(stream=True), **options),
        gateway.get("/nope", **options),
        gateway.get(ROUTE, **options),
        gateway.post(ROUTE, b"{bad", **options),
        gateway.request("HEAD", "/", **options),
        gateway.request("OPTIONS", ROUTE, **options),
    ]
    assert [answer.status_code for answer in answers] == [
        *(200, 200, 200, 200, 404, 405, 400, 200, 200)
    ]
    return [answer.headers["x-request-id"] for answer in answers]


def test_every_answer_has_a_request_id_of_its_own(stage: Stage) -> None:
    """C12."""
    ids = ask_everything(stage.gateway)
    assert len(set(ids)) == len(ids)
    assert all(OWN_ID.fullmatch(each) for each in ids)


@pytest.mark.parametrize("name", ["X-Request-Id", "X-Client-Request-Id"])
@pytest.mark.parametrize("sent", ["a", "A-Za.z_0-9", "x" * 64])
def test_request_id_of_the_client_is_echoed(stage: Stage, name: str, sent: str) -> None:
    """C12."""
    assert set(ask_everything(stage.gateway, headers={name: sent})) == {sent}


@pytest.mark.parametrize(
    "sent", ["", "x" * 65, "a b", "a\tb", '"}{', "zoë".encode(), "x" * 5000, "a,b"]
)
def test_request_id_that_is_not_well_formed_is_replaced(
    gateway: Gateway, sent: str
) -> None:
    answer = gateway.get("/health", headers={"X-Request-Id": sent})
    assert OWN_ID.fullmatch(answer.headers["x-request-id"])


def with_noise(request: Recorded) -> list[Step]:
    """An answer with headers that are the upstream's own business."""
    noise = (
        ("Set-Cookie", "canary=1"),
        ("X-Accel-Redirect", "/canary"),
        ("Location", "http://canary/"),
        ("Server", "canary"),
        ("X-Request-Id", "canary"),
        ("OpenAI-Organization", "canary"),
        ("WWW-Authenticate", "canary"),
        ("Access-Control-Allow-Origin", "canary"),
    )
    if request.json().get("stream"):
        body = b'data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n'
        told = ("Content-Type", "text/event-stream")
        return [
            send(head(200, told, ("Content-Length", str(len(body))), *noise) + body)
        ]
    return json_answer(200, completion_of("a"), noise)


@pytest.mark.parametrize("stream", [False, True])
def test_client_sees_no_header_of_the_upstream(stage: Stage, stream: bool) -> None:
    stage.chat.fake.chat(with_noise)
    answer = stage.gateway.post(ROUTE, chat_body(stream=stream))
    assert answer.status_code == 200
    assert "canary" not in str(answer.headers)
    seen = {name.lower() for name in answer.headers}
    assert seen <= TOWARDS_CLIENT | {"transfer-encoding", "x-accel-buffering"}


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/nope"])
def test_answers_are_not_stored_or_guessed_at(gateway: Gateway, path: str) -> None:
    answer = gateway.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_served_request_says_by_whom_and_after_how_many_attempts(stage: Stage) -> None:
    for stream in (False, True):
        answer = stage.gateway.post(ROUTE, chat_body(stream=stream))
        assert answer.headers["x-llmwrap-upstream"] == "chat-1"
        assert answer.headers["x-llmwrap-attempts"] == "1"


def test_refused_request_says_whose_fault_it_is(stage: Stage) -> None:
    answer = stage.gateway.post(ROUTE, b"{bad")
    assert answer.headers["x-llmwrap-fault"] == "caller"
    assert "x-llmwrap-attempts" not in answer.headers
