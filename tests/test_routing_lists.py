"""The lists of models that a service shows, made of what the upstreams listed."""

import pytest

from llmwrap.dialects.base import Model, Offer
from llmwrap.errors import ModelNotFound
from tests.upstreams.making import models
from tests.upstreams.routers import SILENT, anything, ids, pool_of, router, scope


def test_list_has_each_model_once_as_its_first_pool_says() -> None:
    lists = {"a": models(m=5), "b": models(m=9, n=7)}
    pools = (pool_of("a", "*", owned_by="us"), pool_of("b", "*"))
    found, _ = router(lists, *pools)
    assert found.models(scope(), anything) == [
        Offer("m", Model("m", 5, {}), pools[0].settings, "us"),
        Offer("n", Model("n", 7, {}), pools[1].settings, "vllm"),
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


EMBEDS = Model("vectors", 0, {}, only_embeds=True)


@pytest.mark.parametrize("kind", ["chat", "code"])
def test_model_that_only_embeds_is_in_no_pool_of_another_kind(kind: str) -> None:
    lists = {"a": (*models("m"), EMBEDS)}
    aliases = {"x": "vectors", "y": "m"}
    found, _ = router(lists, pool_of("a", "*", kind=kind, aliases=aliases))
    assert ids(found, scope()) == ["m", "y"]
    for name in ("vectors", "x"):
        with pytest.raises(ModelNotFound, match="available: m, y"):
            found.resolve(scope(), name, "chat", anything)


def test_model_that_only_embeds_is_left_to_the_pool_that_embeds() -> None:
    lists = {"a": (EMBEDS,), "b": (EMBEDS, *models("m"))}
    found, _ = router(lists, pool_of("a", "*"), pool_of("b", "*", kind="embed"))
    assert found.resolve(scope(), "vectors", "embeddings", anything).pool.name == "b"
    pools = {each.name: each.pool.name for each in found.models(scope(), anything)}
    assert pools == {"vectors": "b", "m": "b"}
    assert ids(found, scope("embed")) == ["vectors", "m"]


def test_list_stays_when_an_upstream_falls_silent() -> None:
    pool = pool_of("a", "*")
    lists: dict[str, tuple[Model, ...] | Exception] = {"a": models("m")}
    found, catalog = router(lists, pool)
    lists["a"] = SILENT
    catalog.refresh(pool.upstreams[0])
    assert ids(found, scope()) == ["m"]
    assert found.resolve(scope(), "m", "chat", anything).upstream_model == "m"


def test_entry_of_an_alias_is_that_of_its_model() -> None:
    found, _ = router({"a": models(m=5)}, pool_of("a", "m", aliases={"x": "m"}))
    offer = found.model(scope(), "x", anything)
    assert (offer.name, offer.model) == ("x", Model("m", 5, {}))


def test_entry_of_an_unknown_model_is_404_and_asked_for() -> None:
    found, catalog = router({"a": models("m")}, pool_of("a", "m"))
    with pytest.raises(ModelNotFound, match="available: m"):
        found.model(scope(), "org/deep:tag", anything)
    assert catalog.missed == 1
