"""What a tool meets at `/ollama` before it asks a model anything (contract cases C01, C02, C44,
C47).
"""

import re
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.web.ollama_surface import BEARER, JSON, problem
from tests.web.surface import CHAT, LIMIT, Stage


@pytest.mark.parametrize("path", ["/ollama", "/ollama/", "//ollama//"])
def test_server_says_that_it_runs(guarded: Gateway, path: str) -> None:
    answer = guarded.get(path)
    assert (answer.status_code, answer.content) == (200, b"Ollama is running")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    head = guarded.request("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")


def test_version_is_one_that_clients_take_and_asks_for_nothing(
    guarded: Gateway,
) -> None:
    answer = guarded.get("/ollama/api/version")
    assert answer.status_code == 200
    (version,) = answer.json().values()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert tuple(map(int, version.split("."))) >= (0, 17, 6)
    head = guarded.request("HEAD", "/ollama/api/version")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/ollama/api/tags",
        "/ollama//api/tags",
        "/ollama/api/tags/",
        "//ollama/api//tags",
    ],
)
def test_careless_spellings_are_answered_at_once(gateway: Gateway, path: str) -> None:
    answer = gateway.get(path)
    assert (answer.status_code, answer.history) == (200, [])
    assert answer.json() == gateway.get("/ollama/api/tags").json()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/ollama/api/chat", {"POST", "OPTIONS"}),
        ("GET", "/ollama/api/show", {"POST", "OPTIONS"}),
        ("POST", "/ollama/api/tags", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/ollama/api/version", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/ollama/api/delete", {"DELETE", "OPTIONS"}),
        ("POST", "/ollama/api/ps", {"GET", "OPTIONS"}),
    ],
)
def test_wrong_method_is_405_with_what_is_allowed(
    gateway: Gateway, method: str, path: str, allowed: set[str]
) -> None:
    answer = gateway.request(method, path)
    assert problem(answer, 405) == "405 method not allowed"
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["ps", "status", "experimental/model-recommendations"])
def test_head_is_405_where_ollama_has_none(guarded: Gateway, path: str) -> None:
    """Before it asks who that is: the route is not there."""
    head = guarded.request("HEAD", f"/ollama/api/{path}")
    assert (head.status_code, head.content) == (405, b"")
    assert set(head.headers["Allow"].split(", ")) == {"GET", "OPTIONS"}
    assert guarded.get(f"/ollama/api/{path}", headers=BEARER).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["version", "tags", "ps", "status", "experimental/model-recommendations"],
)
def test_facts_are_json_with_its_charset(gateway: Gateway, path: str) -> None:
    answer = gateway.get(f"/ollama/api/{path}")
    assert answer.headers["Content-Type"] == JSON


@pytest.mark.parametrize(
    "path",
    [
        "/ollama/api/nope",
        "/ollama/api",
        "/ollama/nope",
        "/ollama/api/me",
        "/ollama/key",
    ],
)
def test_unknown_path_is_404_in_json(gateway: Gateway, path: str) -> None:
    for answer in (gateway.get(path), gateway.post(path, {})):
        assert problem(answer, 404) == "404 page not found"


@pytest.mark.parametrize("path", ["/ollamas/api/tags", "/ollam"])
def test_prefix_ends_at_a_slash(gateway: Gateway, path: str) -> None:
    assert gateway.get(path).json()["error"]["code"] == "not_found"


def test_unknown_path_below_v1_is_an_error_of_openai(gateway: Gateway) -> None:
    answer = gateway.get("/ollama/v1/nope")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/ollama/api/chat", "/ollama/api/show"])
def test_body_over_the_limit_is_413_in_json(stage: Stage, path: str) -> None:
    answer = stage.gateway.post(path, b" " * (LIMIT + 1))
    assert problem(answer, 413) == f"the body is over the limit of {LIMIT} bytes"
    assert stage.asked == 0


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("POST", "/ollama/api/push", "pushing models"),
        ("POST", "/ollama/api/create", "creating models"),
        ("POST", "/ollama/api/copy", "copying models"),
        ("DELETE", "/ollama/api/delete", "deleting models"),
        ("POST", "/ollama/api/blobs/sha256:00", "uploading blobs"),
    ],
)
def test_models_are_not_managed_here(
    stage: Stage, method: str, path: str, what: str
) -> None:
    for body in ({"name": CHAT}, {"model": CHAT}, None):
        answer = stage.gateway.request(method, path, json=body)
        assert problem(answer, 403) == f"{what} is disabled on this server"
    assert stage.asked == 0


def test_blob_is_not_there(gateway: Gateway) -> None:
    answer = gateway.request("HEAD", "/ollama/api/blobs/sha256:00")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("field", ["model", "name"])
@pytest.mark.parametrize("name", [CHAT, f"{CHAT}:latest", CHAT.upper()])
def test_pull_of_a_model_that_is_served_is_done_at_once(
    stage: Stage, field: str, name: str
) -> None:
    body = {field: name, "insecure": False}
    answer = stage.gateway.post("/ollama/api/pull", body)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.content == (b'{"status":"pulling manifest"}\n{"status":"success"}\n')
    answer = stage.gateway.post("/ollama/api/pull", {**body, "stream": False})
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json() == {"status": "success"}
    assert stage.asked == 0


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"name": "nope"}, 404, "model 'nope' not found"),
        ({"name": "nope", "stream": False}, 404, "model 'nope' not found"),
        ({}, 400, "model is required"),
        (b"", 400, "missing request body"),
        ({"model": CHAT, "stream": "no"}, 400, None),
    ],
)
def test_pull_of_nothing_that_is_served_is_an_error(
    gateway: Gateway, body: Any, status: int, message: str | None
) -> None:
    told = problem(gateway.post("/ollama/api/pull", body), status)
    assert message is None or told == message


def test_cloud_of_ollama_is_off(gateway: Gateway) -> None:
    status = gateway.get("/ollama/api/status").json()
    assert status == {"cloud": {"disabled": True, "source": "config"}}
    path = "/ollama/api/experimental/model-recommendations"
    assert gateway.get(path).json() == {"recommendations": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ollama/api/tags"),
        ("GET", "/ollama/api/ps"),
        ("GET", "/ollama/api/status"),
        ("POST", "/ollama/api/show"),
        ("POST", "/ollama/api/pull"),
        ("POST", "/ollama/api/push"),
        ("DELETE", "/ollama/api/delete"),
        ("POST", "/ollama/api/chat"),
        ("POST", "/ollama/api/generate"),
        ("POST", "/ollama/api/embed"),
        ("POST", "/ollama/api/embeddings"),
    ],
)
def test_all_else_asks_for_a_credential(
    guarded: Gateway, method: str, path: str
) -> None:
    answer = guarded.request(method, path, json={})
    assert problem(answer, 401) == "unauthorized"
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    answer = guarded.request(method, path, json={}, headers=BEARER)
    assert answer.status_code != 401
