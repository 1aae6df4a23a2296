"""A gateway that asks for no credential: no foreign web page uses it (reliability 2.1).

Neither by asking from its own origin, nor by a name of its own that leads to this machine.
"""

from collections.abc import Iterator

import pytest

from tests.gateway import Gateway, serving
from tests.web.surface import POST_ROUTES, PREFIXES, Body, Stage, body_for, refusal

OPEN = "no credential"
EVIL = "evil.example"

OURS = (
    "localhost",
    "LOCALHOST:21020",
    "llm.localhost:8000",
    "localhost.",
    "127.0.0.1",
    "127.8.9.10:1",
    "[::1]:8000",
    "0.0.0.0:8000",
)
OTHERS = (
    EVIL,
    f"{EVIL}:21020",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.nip.io",
    "10.0.0.1:8000",
    "169.254.169.254",
    "[fe80::1]",
    "[::ffff:10.0.0.1]",
    "localhost,evil.example",
)


@pytest.fixture(scope="module")
def off(server: str, pools: list[Body]) -> Iterator[Gateway]:
    """Open on purpose, behind a proxy of the operator, with a page that may call one service."""
    settings = {
        "server": {"trusted_proxies": 1},
        "auth": {"mode": "off"},
        "services": {"chat": {"allowed_origins": ["https://team.example"]}},
        "pools": pools,
    }
    with serving(settings, server=server) as gateway:
        yield gateway


@pytest.mark.parametrize("origin", [f"https://{EVIL}", "null", "http://10.0.0.1:8000"])
def test_foreign_page_is_refused_on_every_service(stage: Stage, origin: str) -> None:
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    ollama = ("/ollama/api/tags", "/ollama/v1/models")
    paths = [*(f"{prefix}/models" for prefix in PREFIXES), *ollama]
    answers = [stage.gateway.get(path, headers=headers) for path in paths[:-2]]
    answers += [
        stage.gateway.post(route, body_for(route), headers=headers)
        for route in POST_ROUTES
    ]
    for answer in answers:
        error = refusal(answer, 403)
        assert error["code"] == "forbidden"
        assert "allowed_origins" in error["message"]
    assert OPEN in stage.gateway.get(ollama[0], headers=headers).json()["error"]
    assert refusal(stage.gateway.get(ollama[1], headers=headers), 403)
    assert stage.asked == 0


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"]
)
def test_pages_of_this_machine_are_served(gateway: Gateway, origin: str) -> None:
    for path in ("/v1/models", "/models", "/api/v1/models", "/ollama/api/tags"):
        answer = gateway.get(path, headers={"Origin": origin})
        assert answer.status_code == 200, path


@pytest.mark.parametrize("host", OURS)
def test_names_of_this_machine_are_served(gateway: Gateway, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    for path in ("/v1/models", "/ollama/api/tags"):
        assert gateway.get(path, headers=headers).status_code == 200, path


@pytest.mark.parametrize("host", OTHERS)
def test_other_names_are_refused_with_an_origin_or_without(
    stage: Stage, host: str
) -> None:
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
        for path in ("/v1/models", "/models", "/code/v1/models"):
            error = refusal(stage.gateway.get(path, headers=headers), 403)
            assert "localhost" in error["message"]
        answer = stage.gateway.get("/ollama/api/tags", headers=headers)
        assert (answer.status_code, OPEN in answer.json()["error"]) == (403, True)
        route = POST_ROUTES[0]
        answer = stage.gateway.post(route, body_for(route), headers=headers)
        assert refusal(answer, 403)
    assert stage.asked == 0


def test_probes_are_answered_by_any_name(gateway: Gateway) -> None:
    for path in ("/", "/health", "/readyz"):
        headers = {"Host": EVIL, "Origin": f"http://{EVIL}"}
        assert gateway.get(path, headers=headers).status_code == 200


def test_what_is_not_there_is_404_from_anywhere(gateway: Gateway) -> None:
    assert refusal(gateway.get("/nope", headers={"Host": EVIL}), 404)


def test_gateway_that_asks_for_a_credential_has_any_name(guarded: Gateway) -> None:
    headers = {"Host": "llm.corp.example", "Origin": f"https://{EVIL}"}
    assert refusal(guarded.get("/v1/models", headers=headers), 401)


def test_gateway_that_is_off_on_loopback_has_names_of_this_machine(
    lenient: Gateway,
) -> None:
    error = refusal(lenient.get("/v1/models", headers={"Host": EVIL}), 403)
    assert "server.trusted_proxies" in error["message"]


def test_gateway_that_is_off_behind_a_proxy_has_the_name_of_its_operator(
    off: Gateway,
) -> None:
    named = {"Host": "llm.corp.example", "X-Forwarded-For": "10.0.0.1"}
    assert off.get("/v1/models", headers=named).status_code == 200
    own = named | {"Origin": "https://llm.corp.example"}
    assert off.get("/v1/models", headers=own).status_code == 200
    for origin in (f"https://{EVIL}", "https://corp.example", "null"):
        assert refusal(off.get("/v1/models", headers=named | {"Origin": origin}), 403)


def test_page_that_is_allowed_at_one_service_is_no_stranger_there(off: Gateway) -> None:
    headers = {"Host": "llm.corp.example", "Origin": "https://team.example"}
    answer = off.get("/chat/v1/models", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://team.example"
    assert refusal(off.get("/v1/models", headers=headers), 403)
