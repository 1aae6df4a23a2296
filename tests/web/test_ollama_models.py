"""Ollama's lists of models, whatever runs them (contract cases C03-C05, C48)."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import ollama
import pytest

from tests.gateway import Gateway
from tests.web.ollama_surface import TAGGED, client, problem
from tests.web.surface import CHAT, CODE, DEEP, EMBED, Stage


def listed(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """The entries of the list by name."""
    entries = gateway.get("/ollama/api/tags").json()["models"]
    return {entry["name"]: entry for entry in entries}


def test_every_model_is_listed_under_a_name_with_a_tag(stage: Stage) -> None:
    answer = stage.gateway.get("/ollama/api/tags")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    entries = answer.json()["models"]
    assert {entry["name"] for entry in entries} == TAGGED
    assert len(entries) == len(TAGGED)
    for entry in entries:
        assert entry["model"] == entry["name"]
        assert re.fullmatch("[0-9a-f]{64}", entry["digest"])
        assert type(entry["size"]) is int
        assert datetime.fromisoformat(entry["modified_at"]).tzinfo
        for key in ("format", "family", "parameter_size", "quantization_level"):
            assert type(entry["details"][key]) is str
    assert len({entry["digest"] for entry in entries}) == len(entries)
    assert stage.gateway.get("/ollama/api/tags").content == answer.content
    head = stage.gateway.request("HEAD", "/ollama/api/tags")
    assert (head.status_code, head.content) == (200, b"")
    assert stage.asked == 0


def test_kind_of_a_model_is_among_its_capabilities(gateway: Gateway) -> None:
    entries = listed(gateway)
    for name in (CHAT, CODE):
        assert entries[f"{name}:latest"]["capabilities"] == ["completion", "tools"]
    assert entries[f"{EMBED}:latest"]["capabilities"] == ["embedding"]


def test_what_is_listed_is_loaded(gateway: Gateway) -> None:
    entries = listed(gateway)
    rows = gateway.get("/ollama/api/ps").json()["models"]
    assert {row["name"] for row in rows} == TAGGED
    for row in rows:
        assert row["digest"] == entries[row["name"]]["digest"]
        ends = datetime.fromisoformat(row["expires_at"])
        assert ends > datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("key", ["model", "name"])
@pytest.mark.parametrize("name", [*sorted(TAGGED), CHAT, CHAT.lower(), DEEP.upper()])
def test_model_is_shown_under_any_of_its_names(
    gateway: Gateway, key: str, name: str
) -> None:
    shown = gateway.post("/ollama/api/show", {key: name, "verbose": True}).json()
    info = shown["model_info"]
    architecture = info["general.architecture"]
    assert info[f"{architecture}.context_length"] == 4096
    assert info["general.basename"] == name
    assert shown["capabilities"]


def test_show_takes_any_content_type(gateway: Gateway) -> None:
    body = json.dumps({"model": CHAT}).encode()
    for kind in ("application/x-www-form-urlencoded", "text/plain", "nonsense"):
        headers = {"Content-Type": kind}
        answer = gateway.post("/ollama/api/show", body, headers=headers)
        assert answer.status_code == 200
    answer = gateway.request("POST", "/ollama/api/show", data=body)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "model is required"),
        ({"model": ""}, 400, "model is required"),
        ({"model": None, "name": "  "}, 400, "model is required"),
        (b"null", 400, "model is required"),
        (b"", 400, "missing request body"),
        ({"model": "a\nb"}, 400, "invalid model name"),
        ({"model": "a b"}, 404, "model 'a b:latest' not found"),
        ({"model": "nope"}, 404, "model 'nope:latest' not found"),
        ({"model": "nope:8b"}, 404, "model 'nope:8b' not found"),
        ({"model": f"{CHAT}:8b"}, 404, f"model '{CHAT}:8b' not found"),
    ],
)
def test_nothing_is_shown_of_no_model(
    gateway: Gateway, body: Any, status: int, message: str
) -> None:
    assert problem(gateway.post("/ollama/api/show", body), status) == message


@pytest.mark.parametrize("body", [b'{"model":', b"[1]", b'{"model": 3}', b"\xff"])
def test_body_that_is_no_request_is_400_in_json(gateway: Gateway, body: bytes) -> None:
    assert problem(gateway.post("/ollama/api/show", body), 400)


def test_official_client_reads_the_lists(gateway: Gateway) -> None:
    with client(gateway, "/ollama/") as asking:
        assert {model.model for model in asking.list().models} == TAGGED
        assert {model.model for model in asking.ps().models} == TAGGED
        for name in TAGGED:
            shown = asking.show(name)
            assert shown.modelinfo
            assert shown.capabilities


def test_official_client_finds_every_model_pulled_and_none_deleted(
    gateway: Gateway,
) -> None:
    with client(gateway) as asking:
        assert asking.pull(CHAT).status == "success"
        told = [step.status for step in asking.pull(CHAT, stream=True)]
        assert told == ["pulling manifest", "success"]
        with pytest.raises(ollama.ResponseError) as caught:
            asking.delete(CHAT)
    refused = (caught.value.status_code, caught.value.error)
    assert refused == (403, "deleting models is disabled on this server")
