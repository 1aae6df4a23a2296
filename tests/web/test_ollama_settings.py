"""What an operator may change of Ollama's service: its lists for everybody, its web pages."""

from collections.abc import Iterator

import pytest

from tests.gateway import Gateway, serving
from tests.web.guarded import guarded_settings
from tests.web.ollama_surface import TAGGED
from tests.web.surface import CHAT, Body

TEAM = {"Origin": "https://team.example"}
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def changed(pools: list[Body]) -> Iterator[Gateway]:
    """A gateway that asks for a credential but for its lists, with web pages of its own."""
    services = {
        "api": {"allowed_origins": ["https://team.example"]},
        "ollama": {"allowed_origins": [], "open_discovery": True},
    }
    settings = guarded_settings() | {"services": services, "pools": pools}
    with serving(settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def open_gateway(pools: list[Body]) -> Iterator[Gateway]:
    """A gateway that asks nobody for a credential."""
    with serving({"pools": pools}) as gateway:
        yield gateway


def test_open_discovery_shows_the_models_to_everybody(changed: Gateway) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for path in ("/ollama/api/tags", "/ollama/api/ps"):
            models = changed.get(path, headers=headers).json()["models"]
            assert {model["name"] for model in models} == TAGGED
        answer = changed.post("/ollama/api/show", {"model": CHAT}, headers=headers)
        assert answer.status_code == 200


def test_open_discovery_opens_nothing_else(changed: Gateway) -> None:
    body = {"model": CHAT, "messages": []}
    for path in ("/ollama/api/chat", "/ollama/api/pull", "/ollama/v1/chat/completions"):
        assert changed.post(path, body).status_code == 401
    for path in ("/ollama/v1/models", "/v1/models", "/ollama/api/status"):
        assert changed.get(path).status_code == 401


def test_operator_decides_which_pages_may_call_which_service(changed: Gateway) -> None:
    preflight = changed.request("OPTIONS", "/api/v1/models", headers=TEAM)
    assert (preflight.status_code, preflight.headers[ALLOWED]) == (204, TEAM["Origin"])
    assert changed.get("/api/v1/models", headers=TEAM).headers[ALLOWED] == (
        "https://team.example"
    )
    assert ALLOWED not in changed.get("/v1/models", headers=TEAM).headers
    local = {"Origin": "http://localhost"}
    assert ALLOWED not in changed.get("/ollama/api/tags", headers=local).headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://example.com", 403),
        ("null", 403),
        ("http://localhost:3000", 200),
        ("app://obsidian.md", 200),
        ("OWN", 200),
    ],
)
def test_open_gateway_is_not_used_by_pages_of_strangers(
    open_gateway: Gateway, origin: str, status: int
) -> None:
    headers = {"Origin": open_gateway.url if origin == "OWN" else origin}
    body = {"model": CHAT, "messages": []}
    answer = open_gateway.post("/ollama/api/chat", body, headers=headers)
    assert answer.status_code == status
    assert open_gateway.post("/ollama/api/chat", body).status_code == 200


def test_settings_that_work_are_not_called_unbuilt(changed: Gateway) -> None:
    assert "services." not in changed.log()
