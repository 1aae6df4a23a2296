"""The list of an Ollama upstream's models."""

from typing import Any

import orjson
import pytest

from llmwrap.dialects.base import Call
from llmwrap.errors import UpstreamProtocolError
from tests.dialects.ollama import OLLAMA

ROW: dict[str, Any] = {
    "name": "llama3.2:1b",
    "model": "llama3.2:1b",
    "modified_at": "2026-08-21T12:11:12.123456789+02:00",
    "size": 1_321_098_329,
    "digest": "ab" * 32,
    "details": {"family": "llama"},
}


def _read(rows: Any) -> list[tuple[str, int]]:
    models = OLLAMA.read_models(orjson.dumps({"models": rows}))
    return [(model.id, model.created) for model in models]


def test_list_is_asked_for_at_tags() -> None:
    assert OLLAMA.models_call() == Call(
        "GET", "/api/tags", (("Accept", "application/json"),), b""
    )


def test_model_has_its_name_with_a_tag_and_all_that_is_told() -> None:
    (model,) = OLLAMA.read_models(orjson.dumps({"models": [ROW]}))
    assert (model.id, model.created, model.extra) == ("llama3.2:1b", 1787307072, ROW)


@pytest.mark.parametrize("told", [None, 3, "", "yesterday", "0001-01-01T00:00:00Z"])
def test_time_that_is_none_is_not_known(told: Any) -> None:
    assert _read([{**ROW, "modified_at": told}]) == [("llama3.2:1b", 0)]


@pytest.mark.parametrize(
    ("told", "only"),
    [
        (["embedding"], True),
        (["embedding", "completion"], False),
        (["completion", "tools"], False),
        ([], False),
        (None, False),
        ("embedding", False),
    ],
)
def test_model_that_only_embeds_is_known_by_its_capabilities(
    told: Any, only: bool
) -> None:
    body = orjson.dumps({"models": [{**ROW, "capabilities": told}]})
    (model,) = OLLAMA.read_models(body)
    assert model.only_embeds is only


def test_older_lists_and_strange_rows() -> None:
    assert _read([{"model": "a:b"}, {}, "x", {"name": 3}]) == [("a:b", 0)]
    assert _read([]) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"models":{}}', b"<html>"])
def test_answer_that_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        OLLAMA.read_models(body)


def test_list_with_null_is_an_error() -> None:
    with pytest.raises(UpstreamProtocolError):
        OLLAMA.read_models(b'{"models":null}')
