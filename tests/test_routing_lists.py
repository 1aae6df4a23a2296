"""The lists of models that a service shows, made of what the upstreams listed."""

import pytest

from llmwrap.dialects.base import Model
from llmwrap.errors import ModelNotFound
from tests.upstreams.making import models
from tests.upstreams.routers import SILENT, ids, pool_of, router, scope


def test_list_shows_each_model_once_under_its_first_pool() -> None:
    lists = {"a": models(m=5), "b": models(m=9, n=7)}
    pools = (pool_of("a", "*", owned_by="us"), pool_of("b", "*"))
    found, _ = router(lists, *pools)
    assert found.models(scope()) == [
        {"id": "m", "object": "model", "created": 5, "owned_by": "us", "root": "m"},
        {"id": "n", "object": "model", "created": 7, "owned_by": "vllm", "root": "n"},
    ]


def test_list_is_of_the_kinds_of_the_service() -> None:
    lists = {"a": models("a"), "b": models("b"), "c": models("c")}
    pools = (
        pool_of("a", "a"),
        pool_of("b", "b", kind="code"),
        pool_of("c", "c", kind="embed"),
    )
    found, _ = router(lists, *pools)
    assert ids(found, scope()) == ["a", "b", "c"]
    assert ids(found, scope("code")) == ["b"]
    assert ids(found, scope("embed")) == ["c"]


def test_list_stays_when_an_upstream_falls_silent() -> None:
    pool = pool_of("a", "*")
    lists: dict[str, tuple[Model, ...] | Exception] = {"a": models("m")}
    found, catalog = router(lists, pool)
    lists["a"] = SILENT
    catalog.refresh(pool.upstreams[0])
    assert ids(found, scope()) == ["m"]
    assert found.resolve(scope(), "m", "chat").upstream_model == "m"


def test_entry_passes_on_the_lengths_that_clients_read() -> None:
    extra = {
        "max_model_len": 4096,
        "context_length": 8,
        "digest": "abc",
        "url": "http://x",
    }
    found, _ = router({"a": (Model("m", 1, extra),)}, pool_of("a", "*"))
    assert found.model(scope(), "m") == {
        "id": "m",
        "object": "model",
        "created": 1,
        "owned_by": "vllm",
        "root": "sha256:abc",
        "max_model_len": 4096,
        "context_length": 8,
    }


def test_entry_of_an_alias_is_that_of_its_model() -> None:
    found, _ = router({"a": models(m=5)}, pool_of("a", "m", aliases={"x": "m"}))
    assert found.model(scope(), "x")["created"] == 5


def test_entry_of_an_unknown_model_is_404_and_asked_for() -> None:
    found, catalog = router({"a": models("m")}, pool_of("a", "m"))
    with pytest.raises(ModelNotFound, match="available: m"):
        found.model(scope(), "org/deep:tag")
    assert catalog.missed == 1
