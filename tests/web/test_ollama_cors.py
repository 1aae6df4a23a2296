"""Web pages that may call Ollama's service, and those that may not (contract case C45)."""

import pytest

from llmwrap.settings.values import OLLAMA_SERVICE, ServiceSettings
from llmwrap.web.origins import allows
from tests.gateway import Gateway
from tests.web.ollama_surface import BEARER
from tests.web.surface import CHAT, Body, chat_body

OBSIDIAN = {"Origin": "app://obsidian.md"}
STRANGER = {"Origin": "https://example.com"}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-foo",
}
ALLOWING = "Access-Control-Allow-"


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://127.0.0.1:8443",
        "http://0.0.0.0",
        "capacitor://localhost",
        "app://obsidian.md",
        "file://",
        "tauri://localhost",
        "vscode-webview://1a2b",
        "vscode-file://vscode-app",
        "chrome-extension://abcdef",
        "moz-extension://1-2-3",
    ],
)
def test_pages_of_this_machine_are_allowed_on_any_port(origin: str) -> None:
    assert allows(OLLAMA_SERVICE, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://example.com",
        "http://localhost.example.com",
        "http://example.com:80/://localhost",
        "http://example.com#://localhost",
        "http://x@localhost",
        "http://localhost:3000/",
        "http://localhost:",
        "http://localhost:x",
        "http://127.0.0.1.nip.io",
        "localhost",
        "://localhost",
        "http://localhost http://example.com",
        "http://localhost\n",
    ],
)
def test_other_pages_are_not(origin: str) -> None:
    assert not allows(OLLAMA_SERVICE, origin)


def test_pattern_may_name_a_port_or_take_all() -> None:
    one = ServiceSettings(allowed_origins=("https://team.example:8443",))
    assert allows(one, "https://team.example:8443")
    assert not allows(one, "https://team.example")
    assert not allows(one, "https://team.example:443")
    assert allows(ServiceSettings(allowed_origins=("*",)), "https://example.com:1")
    assert not allows(ServiceSettings(), "http://localhost")


@pytest.mark.parametrize("path", ["/ollama/api/chat", "/ollama/v1/models", "/ollama/x"])
def test_preflight_is_allowed_without_a_credential(guarded: Gateway, path: str) -> None:
    answer = guarded.request("OPTIONS", path, headers={**OBSIDIAN, **PREFLIGHT})
    assert (answer.status_code, answer.content) == (204, b"")
    told = {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }
    assert told == {
        "access-control-allow-origin": "app://obsidian.md",
        "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
        "access-control-allow-headers": "content-type,x-foo",
        "access-control-max-age": "43200",
    }
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("headers", [{}, STRANGER])
def test_options_of_nobody_known_allow_nothing(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    answer = gateway.request("OPTIONS", "/ollama/api/chat", headers=headers)
    assert answer.status_code == 204
    assert not any(name.lower().startswith("access-") for name in answer.headers)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/ollama", None, 200),
        ("GET", "/ollama/api/tags", None, 200),
        ("GET", "/ollama/nope", None, 404),
        ("GET", "/ollama/api/chat", None, 405),
        ("POST", "/ollama/api/show", {"model": "nope"}, 404),
        ("POST", "/ollama/v1/chat/completions", {"model": "nope"}, 400),
    ],
)
def test_answers_and_errors_are_readable_for_an_allowed_page(
    gateway: Gateway, method: str, path: str, body: Body | None, status: int
) -> None:
    answer = gateway.request(method, path, json=body, headers=OBSIDIAN)
    assert answer.status_code == status
    assert answer.headers[f"{ALLOWING}Origin"] == "app://obsidian.md"
    assert "Origin" in answer.headers["Vary"]
    answer = gateway.request(method, path, json=body, headers=STRANGER)
    assert answer.status_code == (
        status if status in (404, 405) and body is None else 403
    )
    assert f"{ALLOWING}Origin" not in answer.headers


def test_refusal_of_a_credential_is_readable_too(guarded: Gateway) -> None:
    answer = guarded.get("/ollama/api/tags", headers=OBSIDIAN)
    assert answer.status_code == 401
    assert answer.headers[f"{ALLOWING}Origin"] == "app://obsidian.md"


@pytest.mark.parametrize("stream", [True, False])
def test_relayed_answers_are_readable_for_an_allowed_page(
    gateway: Gateway, stream: bool
) -> None:
    body = chat_body(model=CHAT, stream=stream)
    path = "/ollama/v1/chat/completions"
    answer = gateway.post(path, body, headers=OBSIDIAN)
    assert answer.status_code == 200
    assert answer.headers[f"{ALLOWING}Origin"] == "app://obsidian.md"


def test_services_without_allowed_origins_say_nothing_of_them(
    guarded: Gateway,
) -> None:
    headers = {"Origin": "http://localhost", **PREFLIGHT}
    for method in ("OPTIONS", "GET"):
        answer = guarded.request(method, "/v1/models", headers={**headers, **BEARER})
        assert answer.status_code == 200
        assert not any(name.lower().startswith("access-") for name in answer.headers)
        assert "Vary" not in answer.headers
