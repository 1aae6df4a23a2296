"""Lists of models, and single ones, on every prefix (C01-C03)."""

import pytest

from tests.gateway import Gateway
from tests.web.surface import (
    ALIAS,
    CHAT,
    CODE,
    DEEP,
    EMBED,
    OLDER,
    PREFIXES,
    Stage,
    body_for,
    refusal,
)

ALL = [CHAT, DEEP, ALIAS, CODE, EMBED]

SERVED = {
    "/api/v1": ALL,
    "/chat/v1": [CHAT, DEEP, ALIAS],
    "/code/v1": [CODE],
    "/embed/v1": [EMBED],
    "/v1": ALL,
    "/llm/v1": ALL,
    "/api/llm/v1": ALL,
    "": ALL,
}


@pytest.mark.parametrize(("prefix", "served"), SERVED.items())
def test_list_has_the_models_of_the_service(
    gateway: Gateway, prefix: str, served: list[str]
) -> None:
    answer = gateway.get(f"{prefix}/models")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["object"] == "list"
    assert [entry["id"] for entry in answer.json()["data"]] == served


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_entry_has_what_clients_read(gateway: Gateway, prefix: str) -> None:
    for entry in gateway.get(f"{prefix}/models").json()["data"]:
        assert entry["object"] == "model"
        assert type(entry["created"]) is int
        assert entry["owned_by"]
        assert entry["root"]


def test_owner_is_that_of_the_pool(gateway: Gateway) -> None:
    entries = gateway.get("/api/v1/models").json()["data"]
    assert [entry["owned_by"] for entry in entries] == [
        "vllm",
        "vllm",
        "vllm",
        "vllm",
        "sentence-transformers",
    ]


def test_owner_is_openai_in_the_list_at_the_root(gateway: Gateway) -> None:
    entries = gateway.get("/models").json()["data"]
    assert {entry["owned_by"] for entry in entries} == {"openai"}


def test_creation_time_is_what_the_upstream_said(gateway: Gateway) -> None:
    assert gateway.get(f"/v1/models/{CHAT}").json()["created"] == 1700000000


@pytest.mark.parametrize("prefix", PREFIXES)
def test_single_model_is_the_entry_of_the_list(gateway: Gateway, prefix: str) -> None:
    for entry in gateway.get(f"{prefix}/models").json()["data"]:
        answer = gateway.get(f"{prefix}/models/{entry['id']}")
        assert answer.status_code == 200
        assert answer.json() == entry


@pytest.mark.parametrize(
    "spelling", ["org/deep:tag", "org%2Fdeep:tag", "org/deep%3Atag"]
)
def test_model_id_may_contain_a_slash(gateway: Gateway, spelling: str) -> None:
    answer = gateway.get(f"/api/v1/models/{spelling}")
    assert answer.status_code == 200
    assert answer.json()["id"] == "org/deep:tag"


def test_doubly_encoded_slash_is_another_model(gateway: Gateway) -> None:
    error = refusal(gateway.get("/api/v1/models/org%252Fdeep:tag"), 404)
    assert error["code"] == "model_not_found"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_unknown_model_is_404_and_names_what_there_is(
    gateway: Gateway, prefix: str
) -> None:
    error = refusal(gateway.get(f"{prefix}/models/nope"), 404)
    assert error == {
        "message": f"model 'nope' is not served by {prefix or '/'};"
        f" available: {', '.join(SERVED[prefix])}",
        "type": "invalid_request_error",
        "param": "model",
        "code": "invalid_model" if prefix in OLDER else "model_not_found",
    }


@pytest.mark.parametrize("path", ["/chat/v1/models", "/code/v1/models"])
def test_model_of_another_service_looks_unknown(gateway: Gateway, path: str) -> None:
    other = refusal(gateway.get(f"{path}/{EMBED}"), 404)
    unknown = refusal(gateway.get(f"{path}/all-MiniLM-L6-v3"), 404)
    unknown["message"] = unknown["message"].replace("L6-v3", "L6-v2")
    assert other == unknown


def test_every_listed_model_can_be_called(stage: Stage) -> None:
    for entry in stage.gateway.get("/v1/models").json()["data"]:
        route = "/v1/embeddings" if entry["id"] == EMBED else "/v1/chat/completions"
        answer = stage.gateway.post(route, body_for(route) | {"model": entry["id"]})
        assert answer.status_code == 200, entry["id"]
        assert answer.json()["model"] == entry["id"]


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
def test_single_model_of_too_long_a_name_is_404(gateway: Gateway, prefix: str) -> None:
    error = refusal(gateway.get(f"{prefix}/models/{'m' * 513}"), 404)
    assert error["param"] == "model"
    assert len(error["message"]) < 1200
