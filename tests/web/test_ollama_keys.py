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
        ("/ollama/key/k-1/key/k-2", "/ollama/key/..."),
        ("/ollama/key/k-1/\nx", "/ollama/\nx"),
    ],
)
def test_key_is_taken_out_of_the_path(path: str, plain: str) -> None:
    assert seen(path) == {"PATH_INFO": plain, PATH_KEY: "k-1"}


@pytest.mark.parametrize(
    "path",
    [
        "/ollama/key",
        "/ollama/keys",
        "/v1/keyring/k",
        "/auth/api-keys/0f8fad5b-d9cb-469f-a165-70867728950e",
        "/v1/models/start_deadbeefdeadbeef",
    ],
)
def test_other_paths_stay_as_they_are(path: str) -> None:
    assert seen(path) == {"PATH_INFO": path}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/OLLAMA/key/{}/api/tags", "/OLLAMA/key/.../api/tags"),
        ("/ollama/keys/{}/api/tags", "/ollama/keys/.../api/tags"),
        ("/ollama/Key/{}", "/ollama/Key/..."),
        ("/x/ollama/key/{}", "/x/ollama/key/..."),
        ("/v1/key/{}/", "/v1/key/..."),
    ],
)
@pytest.mark.parametrize("key", [CANARY, f"sk_live_{'0a' * 24}", "shared key"])
def test_key_at_a_place_that_is_none_for_keys_is_not_shown(
    path: str, shown: str, key: str
) -> None:
    raw = f"{path.format(key)}?a=b"
    told = seen(path.format(key), RAW_URI=raw, REQUEST_URI=raw)
    assert told == {"PATH_INFO": shown, "RAW_URI": shown, "REQUEST_URI": shown}


@pytest.mark.parametrize("secret", ["sk_live_0a1b", "SK_LIVE_0A1B", f"rt_{'0a' * 32}"])
@pytest.mark.parametrize("path", ["/{}", "/ollama/{}/api/tags", "/v1/x={};y"])
def test_secret_of_ours_is_not_shown_anywhere_in_a_path(path: str, secret: str) -> None:
    assert seen(path.format(secret)) == {"PATH_INFO": path.format("...")}


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


def test_no_log_has_a_key_of_a_mistyped_path(guarded: Gateway) -> None:
    secret = f"sk_live_{'c0ffee' * 8}"
    for path in (f"/OLLAMA/key/{secret}/api/tags", f"/ollama/%6beys/{secret}/api/tags"):
        answer = guarded.get(path)
        assert answer.status_code == 404
        assert secret not in answer.text
    assert secret not in guarded.log()
    assert "/OLLAMA/key/.../api/tags" in guarded.log()
