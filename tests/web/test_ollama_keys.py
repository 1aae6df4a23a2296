"""Credentials as Ollama's tools send them, and a key in the path (contract case C46)."""

from collections.abc import Iterable
from typing import Any

import pytest

from llmwrap.auth.credentials import PATH_KEY
from llmwrap.web.paths import key_apart, one_spelling
from tests.gateway import Gateway
from tests.web.guarded import KEY, basic
from tests.web.ollama_surface import BEARER, TAGGED, problem
from tests.web.surface import CHAT

CANARY = "sk-canary-4711"


def seen(path: str, **environ: str) -> dict[str, Any]:
    """What an application sees of a request for `path`."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
        seen.update(environ)
        return []

    one_spelling(key_apart(app))({"PATH_INFO": path, **environ}, None)
    return seen


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/ollama/key/k-1/api/tags", "/ollama/api/tags"),
        ("/ollama/key/k-1", "/ollama"),
        ("/ollama/key/k-1/", "/ollama"),
        ("//ollama//key///k-1//api/tags/", "/ollama/api/tags"),
        ("/ollama/key/k-1/v1/chat/completions", "/ollama/v1/chat/completions"),
        ("/ollama/key/k-1/key/k-2", "/ollama/key/k-2"),
        ("/ollama/key/k-1/\nx", "/ollama/\nx"),
    ],
)
def test_key_is_taken_out_of_the_path(path: str, plain: str) -> None:
    assert seen(path) == {"PATH_INFO": plain, PATH_KEY: "k-1"}


@pytest.mark.parametrize(
    "path",
    ["/ollama/key", "/ollama/keys/k", "/v1/key/k", "/x/ollama/key/k", "/ollamas/key/k"],
)
def test_other_paths_stay_as_they_are(path: str) -> None:
    assert seen(path) == {"PATH_INFO": path}


def test_key_stays_in_no_other_variable_of_the_request() -> None:
    raw = f"/ollama/key/{CANARY}/api/tags?a=b"
    told = seen(f"/ollama/key/{CANARY}/api/tags", RAW_URI=raw, REQUEST_URI=raw)
    assert told.pop(PATH_KEY) == CANARY
    assert CANARY not in repr(told)


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"X-API-Key": KEY},
        {"api-key": KEY},
        basic("alice"),
    ],
)
def test_credential_in_any_header_lets_in(
    guarded: Gateway, headers: dict[str, str]
) -> None:
    assert guarded.get("/ollama/api/tags", headers=headers).status_code == 200


def test_key_in_the_path_lets_in(guarded: Gateway) -> None:
    base = f"/ollama/key/{KEY}"
    assert guarded.get(base).content == b"Ollama is running"
    listed = guarded.get(f"{base}/api/tags").json()["models"]
    assert {entry["name"] for entry in listed} == TAGGED
    assert guarded.post(f"{base}//api/show/", {"model": CHAT}).status_code == 200
    assert guarded.get(f"{base}/v1/models").json()["object"] == "list"
    answer = guarded.get(f"{base}/api/nope")
    assert problem(answer, 404) == "404 page not found"


def test_key_in_the_path_is_judged_like_any_other(guarded: Gateway) -> None:
    answer = guarded.get(f"/ollama/key/{CANARY}/api/tags")
    assert problem(answer, 401) == "unauthorized"
    answer = guarded.get(f"/ollama/key/{KEY}/api/tags", headers=basic("alice"))
    assert problem(answer, 401) == "unauthorized"
    answer = guarded.get(f"/ollama/key/{KEY}/api/tags", headers=BEARER)
    assert answer.status_code == 200


def test_key_in_the_path_is_shown_nowhere(guarded: Gateway) -> None:
    base = f"/ollama/key/{CANARY}"
    calls = (
        ("GET", f"{base}/api/tags", "/ollama/api/tags"),
        ("POST", f"{base}/v1/chat/completions", "/ollama/v1/chat/completions"),
        ("GET", f"{base}/v1/nope?x=1", "/ollama/v1/nope"),
        ("PUT", f"{base}//api/chat", "/ollama/api/chat"),
        ("OPTIONS", f"{base}/api/chat", "/ollama/api/chat"),
        ("GET", base, "/ollama"),
    )
    for number, (method, path, logged) in enumerate(calls):
        headers = {"X-Request-Id": f"path-key-{number}", "Origin": "http://localhost"}
        answer = guarded.request(method, path, headers=headers)
        assert CANARY not in answer.text
        assert CANARY not in repr(answer.headers)
        assert guarded.logged(f"path-key-{number}")["path"] == logged
    assert CANARY not in guarded.log()
