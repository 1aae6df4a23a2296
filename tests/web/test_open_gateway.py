"""Gateways with one shared key, and with none: open to their own machine (acceptance 43, 61)."""

from collections.abc import Iterator

import pytest

from tests.fakes import FakeUpstream
from tests.gateway import Gateway, serving
from tests.web.surface import (
    CHAT,
    POST_ROUTES,
    PREFIXES,
    Stage,
    answer_chat,
    body_for,
    chat_body,
    refusal,
)

KEY = "a-key-from-the-environment"


@pytest.fixture(scope="module")
def keyed(server: str) -> Iterator[Gateway]:
    """A gateway whose only credential is the variable of reference document 004."""
    with FakeUpstream(models=(CHAT,)) as fake:
        fake.chat(answer_chat)
        upstream = {"name": "chat-1", "url": f"{fake.url}/v1"}
        pool = {"name": "p", "kind": "chat", "models": [CHAT], "upstreams": [upstream]}
        variables = {"API_KEY": KEY}
        with serving({"pools": [pool]}, server=server, environ=variables) as gateway:
            yield gateway


@pytest.mark.parametrize("header", ["x-api-key", "X-API-KEY", "X-Api-Key"])
def test_shared_key_lets_in(keyed: Gateway, header: str) -> None:
    headers = {header: KEY}
    assert keyed.get("/v1/models", headers=headers).status_code == 200
    answer = keyed.post("/v1/chat/completions", chat_body(), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"x-api-key": ""}])
def test_without_the_shared_key_nobody_gets_in(
    keyed: Gateway, headers: dict[str, str]
) -> None:
    for prefix in PREFIXES:
        assert refusal(keyed.get(f"{prefix}/models", headers=headers), 401)
    for route in POST_ROUTES:
        assert refusal(keyed.post(route, body_for(route), headers=headers), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer anything"},
        {"Authorization": "Basic !!!"},
        {"x-api-key": "anything"},
        {"Authorization": "Bearer a", "x-api-key": "b"},
    ],
)
def test_open_gateway_takes_any_credential(
    stage: Stage, headers: dict[str, str]
) -> None:
    answer = stage.gateway.post("/chat/completions", chat_body(), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("sent", ["10.0.0.1", "127.0.0.1", "", "10.0.0.1, 127.0.0.1"])
def test_open_gateway_serves_nobody_behind_a_proxy(stage: Stage, sent: str) -> None:
    headers = {"X-Forwarded-For": sent}
    answers = [
        stage.gateway.get(f"{prefix}/models", headers=headers) for prefix in PREFIXES
    ]
    answers += [
        stage.gateway.post(route, body_for(route), headers=headers)
        for route in POST_ROUTES
    ]
    for answer in answers:
        error = refusal(answer, 403)
        assert error["code"] == "forbidden"
        assert 'auth.mode = "required"' in error["message"]
    assert stage.asked == 0


def test_probes_are_answered_behind_a_proxy(gateway: Gateway) -> None:
    answer = gateway.get("/health", headers={"X-Forwarded-For": "10.0.0.1"})
    assert answer.status_code == 200


def test_gateway_that_is_open_on_purpose_serves_behind_a_proxy(
    lenient: Gateway,
) -> None:
    headers = {"X-Forwarded-For": "10.0.0.1"}
    assert lenient.get("/v1/models", headers=headers).status_code == 200
