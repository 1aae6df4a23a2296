"""How Ollama's clients see the models that a service offers."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from llmwrap.dialects.base import Model, Offer
from llmwrap.dialects.ollama.listing import (
    render_loaded,
    render_model,
    render_models,
)
from llmwrap.settings.values import PoolSettings

OWN = "a6990ed6be412c6a217614b0ec8e9cd6800a743d5dd7e1d7fbe9df09e61d5615"
OLLAMAS: dict[str, Any] = {
    "name": "llama3.2:latest",
    "model": "llama3.2:latest",
    "modified_at": "2025-05-04T17:37:44.706015396-07:00",
    "size": 2019393189,
    "digest": OWN,
    "details": {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M",
        "context_length": 131072,
        "embedding_length": 3072,
    },
    "capabilities": ["completion", "tools"],
}
"""An entry of `/api/tags` as Ollama's documentation (v0.33) shows it, with its newer keys."""


def offer(
    name: str, extra: Any = None, model_id: str = "", created: int = 0, **pool: Any
) -> Offer:
    """An offer of a pool for chat, where `pool` does not say otherwise."""
    settings: dict[str, Any] = {"name": "p", "kind": "chat", "models": ("*",)} | pool
    model = Model(model_id or name, created, extra or {})
    return Offer(name, model, PoolSettings(**settings, upstreams=()), "vllm")


def tags(*offers: Offer) -> list[dict[str, Any]]:
    return list(json.loads(render_models(offers))["models"])


def shown(of: Offer) -> dict[str, Any]:
    return dict(json.loads(render_model(of)))


def test_entry_of_a_model_of_another_server() -> None:
    told = {"max_model_len": 32768, "size": -5, "digest": 7, "details": "none"}
    (entry,) = tags(offer("Qwen/Qwen3-8B", told, created=1767225600))
    assert re.fullmatch("[0-9a-f]{64}", entry.pop("digest"))
    assert entry == {
        "name": "Qwen/Qwen3-8B:latest",
        "model": "Qwen/Qwen3-8B:latest",
        "modified_at": "2026-01-01T00:00:00.000000Z",
        "size": 0,
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "unknown",
            "parameter_size": "",
            "quantization_level": "",
            "families": ["unknown"],
            "context_length": 32768,
        },
        "capabilities": ["completion", "tools"],
    }


def test_entry_of_an_ollama_stays_as_it_is() -> None:
    assert tags(offer("llama3.2:latest", OLLAMAS)) == [OLLAMAS]


def test_no_models_are_an_empty_list() -> None:
    assert json.loads(render_models([])) == {"models": []}
    assert json.loads(render_loaded([], 0)) == {"models": []}


def test_own_digest_is_kept_by_one_model_only() -> None:
    copies = [offer(name, OLLAMAS, "llama3.2:latest") for name in ("a", "b", "c:1")]
    digests = [entry["digest"] for entry in tags(*copies)]
    assert len({*digests, OWN}) == 4
    assert digests == [entry["digest"] for entry in reversed(tags(*copies[::-1]))]


@pytest.mark.parametrize("digest", ["sha256:" + OWN, OWN])
def test_own_digest_comes_without_its_prefix(digest: str) -> None:
    assert tags(offer("m", {"digest": digest}))[0]["digest"] == OWN


@pytest.mark.parametrize("digest", [OWN[:12], OWN.upper(), "z" * 64, "", None])
def test_digest_that_is_none_is_replaced(digest: object) -> None:
    (entry,) = tags(offer("m", {"digest": digest}))
    assert re.fullmatch("[0-9a-f]{64}", entry["digest"])


def test_digest_changes_with_what_clients_keep_by_it_and_with_nothing_else() -> None:
    def digest(name: str = "m", **facts: Any) -> str:
        return str(tags(offer(name, **facts))[0]["digest"])

    others = (
        digest("n", model_id="m"),
        digest(model_id="other"),
        digest(capabilities=("vision",)),
        digest(context_length=8192),
        digest(extra={"max_model_len": 8192, "capabilities": ["completion", "vision"]}),
    )
    assert len({digest(), *others}) == 6
    assert digest(capabilities=("tools", "vision")) == digest(
        capabilities=("vision", "tools"), created=5
    )
    assert digest() == digest(created=9, extra={"owned_by": "x"})
    stays = "0693611cff8f6152e82790395ebdf839b2fcddb74c32017c22223685b462ca07"
    assert digest() == stays


def test_digest_is_ours_where_the_operator_says_what_the_model_can_do() -> None:
    entry = tags(offer("llama3.2:latest", OLLAMAS, capabilities=("vision",)))[0]
    assert entry["digest"] != OWN
    assert entry["capabilities"] == ["completion", "vision"]


def test_name_with_the_default_tag_comes_before_one_without() -> None:
    for offers in (
        (offer("foo", created=1), offer("foo:latest", created=2)),
        (offer("foo:latest", created=2), offer("foo", created=1)),
    ):
        (entry,) = tags(*offers)
        assert entry["name"] == "foo:latest"
        assert entry["modified_at"] == "1970-01-01T00:00:02.000000Z"


@pytest.mark.parametrize(
    ("told", "pool", "length"),
    [
        ({}, {}, 4096),
        ({"max_model_len": 8192}, {}, 8192),
        ({"context_length": 8193}, {}, 8193),
        ({"details": {"context_length": 8194}}, {}, 8194),
        ({"max_model_len": 8192}, {"context_length": 5000}, 5000),
        ({"max_model_len": "many", "context_length": -1}, {}, 4096),
        ({"max_model_len": True}, {}, 4096),
        ({"meta": {"n_ctx_train": 40960}}, {}, 40960),
        ({"meta": {"n_ctx_train": 40960, "n_ctx": 16384}}, {}, 16384),
        ({"meta": [1]}, {}, 4096),
    ],
)
def test_context_length_is_the_operators_word_or_the_upstreams(
    told: dict[str, Any], pool: dict[str, Any], length: int
) -> None:
    of = offer("m", told, **pool)
    assert tags(of)[0]["details"]["context_length"] == length
    assert json.loads(render_loaded([of], 0))["models"][0]["context_length"] == length
    info = shown(of)["model_info"]
    architecture = info["general.architecture"]
    lengths = {key: info[key] for key in info if key.endswith(".context_length")}
    assert lengths == {f"{architecture}.context_length": length}
    assert shown(of)["parameters"] == f"num_ctx                        {length}"


@pytest.mark.parametrize(
    ("kind", "told", "pool", "capabilities"),
    [
        ("chat", None, {}, ["completion", "tools"]),
        ("code", None, {}, ["completion", "tools"]),
        ("embed", None, {}, ["embedding"]),
        ("embed", None, {"capabilities": ("vision",)}, ["embedding", "vision"]),
        ("chat", None, {"capabilities": ("thinking",)}, ["completion", "thinking"]),
        ("chat", ["completion"], {}, ["completion"]),
        ("chat", ["completion", 3], {}, ["completion"]),
        ("chat", [], {}, ["completion", "tools"]),
        ("chat", ["completion"], {"capabilities": ("tools",)}, ["completion", "tools"]),
        (
            "code",
            None,
            {"fill_in_middle": "<P>{prefix}<S>{suffix}"},
            ["completion", "tools", "insert"],
        ),
        (
            "code",
            None,
            {"fill_in_middle": "{prefix}{suffix}", "capabilities": ("insert",)},
            ["completion", "insert"],
        ),
    ],
)
def test_capabilities_are_the_operators_word_or_the_upstreams(
    kind: str, told: Any, pool: dict[str, Any], capabilities: list[str]
) -> None:
    of = offer("m", {"capabilities": told}, kind=kind, **pool)
    assert tags(of)[0]["capabilities"] == capabilities
    assert shown(of)["capabilities"] == capabilities


def test_model_is_shown_under_the_name_that_was_asked_for() -> None:
    assert shown(offer("llama3.2", OLLAMAS)) == {
        "modelfile": "FROM llama3.2:latest\n",
        "parameters": "num_ctx                        131072",
        "template": "{{ .Prompt }}",
        "details": OLLAMAS["details"],
        "model_info": {
            "general.architecture": "llama",
            "general.basename": "llama3.2",
            "llama.context_length": 131072,
            "llama.embedding_length": 3072,
        },
        "capabilities": ["completion", "tools"],
        "modified_at": "2025-05-04T17:37:44.706015396-07:00",
    }


def test_template_shows_a_suffix_only_where_a_gap_can_be_filled() -> None:
    assert ".Suffix" not in shown(offer("m"))["template"]
    assert ".Suffix" in shown(offer("m", capabilities=("insert",)))["template"]


def test_loaded_models_bear_the_names_of_the_list_and_end_later() -> None:
    offers = [offer("llama3.2:latest", OLLAMAS), offer("foo")]
    rows = json.loads(render_loaded(offers, 1767225600.5))["models"]
    listed = tags(*offers)
    for row, entry in zip(rows, listed, strict=True):
        end = datetime.fromisoformat(row.pop("expires_at"))
        assert end == datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)
        assert row.pop("size_vram") == entry["size"]
        assert row.pop("context_length") == entry["details"]["context_length"]
        assert row == {key: entry[key] for key in row}
        assert set(row) == {"name", "model", "size", "digest", "details"}
