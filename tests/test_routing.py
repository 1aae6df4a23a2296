"""Where a model name leads, on each service, with what the upstreams have listed."""

import math

import pytest

from llmwrap.errors import MissingParameter, ModelNotFound
from tests.upstreams.making import make_pool, make_upstream, models
from tests.upstreams.routers import (
    SILENT,
    Lists,
    anything,
    ids,
    pool_of,
    router,
    scope,
    where,
)


def test_listed_model_of_the_family_is_found() -> None:
    found, catalog = router(
        {"a": models("Mistral-Small", "Devstral")}, pool_of("a", "Mistral-*")
    )
    route = found.resolve(scope(), "Mistral-Small", "chat", anything)
    assert where(route) == ("a", "Mistral-Small", "Mistral-Small")
    assert catalog.missed == 0


@pytest.mark.parametrize(
    "name", ["Devstral", "mistral-small", "Mistral-Small ", "Mistral-Big"]
)
def test_name_outside_family_or_list_is_not_found_and_asked_for(name: str) -> None:
    found, catalog = router(
        {"a": models("Mistral-Small", "Devstral")}, pool_of("a", "Mistral-*")
    )
    with pytest.raises(ModelNotFound) as caught:
        found.resolve(scope(), name, "chat", anything)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")
    assert caught.value.param == "model"
    assert caught.value.message == (
        f"model '{name}' is not served by /api/v1; available: Mistral-Small"
    )
    assert catalog.missed == 1


def test_first_pool_of_the_file_wins() -> None:
    lists = {"a": models("m"), "b": models("m", "n")}
    found, _ = router(lists, pool_of("a", "*"), pool_of("b", "*"))
    assert found.resolve(scope(), "m", "chat", anything).pool.name == "a"
    assert found.resolve(scope(), "n", "chat", anything).pool.name == "b"


@pytest.mark.parametrize("lists", [{}, {"a": SILENT}])
def test_name_of_the_family_is_forwarded_while_nobody_has_listed(lists: Lists) -> None:
    found, _ = router(lists, pool_of("a", "Mistral-*"))
    assert (
        found.resolve(scope(), "Mistral-New", "chat", anything).upstream_model
        == "Mistral-New"
    )
    assert ids(found, scope()) == []
    with pytest.raises(ModelNotFound, match="available: none"):
        found.resolve(scope(), "Qwen", "chat", anything)


def test_once_one_has_listed_only_those_that_list_it_serve() -> None:
    a, b, c = (make_upstream(name) for name in "abc")
    lists: Lists = {"a": models("m"), "b": SILENT, "c": models("m", "n")}
    found, _ = router(lists, make_pool(a, b, c))
    assert found.resolve(scope(), "m", "chat", anything).upstreams == (a, c)
    assert found.resolve(scope(), "n", "chat", anything).upstreams == (c,)
    with pytest.raises(ModelNotFound):
        found.resolve(scope(), "x", "chat", anything)


def test_upstream_that_lacks_the_model_is_left_out_though_it_listed_it() -> None:
    a, b = make_upstream("a"), make_upstream("b")
    a.lacks("m", math.inf)
    found, _ = router({"a": models("m", "n"), "b": models("m")}, make_pool(a, b))
    assert found.resolve(scope(), "m", "chat", anything).upstreams == (b,)
    assert found.resolve(scope(), "n", "chat", anything).upstreams == (a,)


def test_lack_of_one_is_no_list_of_the_others() -> None:
    """Nobody has listed anything: the other upstreams may well have the model."""
    a, b = make_upstream("a"), make_upstream("b")
    a.lacks("m", math.inf)
    found, _ = router({}, make_pool(a, b))
    assert found.resolve(scope(), "m", "chat", anything).upstreams == (b,)
    assert found.resolve(scope(), "n", "chat", anything).upstreams == (a, b)
    b.lacks("m", math.inf)
    with pytest.raises(ModelNotFound):
        found.resolve(scope(), "m", "chat", anything)


def test_static_list_counts_as_listed() -> None:
    static = make_upstream("s", models=("bge", "gte"))
    found, _ = router({}, make_pool(static, kind="embed"))
    assert found.resolve(scope(), "gte", "embeddings", anything).upstreams == (static,)
    assert ids(found, scope()) == ["bge", "gte"]
    with pytest.raises(ModelNotFound):
        found.resolve(scope(), "other", "embeddings", anything)


def test_alias_is_kept_for_the_client_and_translated_for_the_upstream() -> None:
    pool = pool_of("a", "Mistral-*", aliases={"gpt-4o": "Mistral-Small"})
    found, _ = router({"a": models("Mistral-Small")}, pool)
    route = found.resolve(scope(), "gpt-4o", "chat", anything)
    assert where(route) == ("a", "gpt-4o", "Mistral-Small")
    assert ids(found, scope()) == ["Mistral-Small", "gpt-4o"]


def test_alias_may_lead_outside_the_family() -> None:
    pool = pool_of("a", "Mistral-*", aliases={"small": "/srv/m.gguf"})
    found, _ = router({"a": models("/srv/m.gguf", "/srv/other.gguf")}, pool)
    assert where(found.resolve(scope(), "small", "chat", anything)) == (
        "a",
        "small",
        "/srv/m.gguf",
    )
    assert ids(found, scope()) == ["small"]
    with pytest.raises(ModelNotFound):
        found.resolve(scope(), "/srv/m.gguf", "chat", anything)


def test_alias_of_a_model_that_is_not_listed_is_not_found() -> None:
    pool = pool_of("a", "*", aliases={"small": "gone"})
    found, _ = router({"a": models("m")}, pool)
    with pytest.raises(ModelNotFound):
        found.resolve(scope(), "small", "chat", anything)
    assert ids(found, scope()) == ["m"]


def test_alias_is_forwarded_while_nobody_has_listed() -> None:
    found, _ = router({}, pool_of("a", "x-*", aliases={"small": "gone"}))
    assert found.resolve(scope(), "small", "chat", anything).upstream_model == "gone"


def test_pool_of_another_kind_answers_exactly_as_if_unknown() -> None:
    lists = {"a": models("chatty"), "b": models("coder")}
    found, _ = router(lists, pool_of("a", "chatty"), pool_of("b", "coder", kind="code"))
    code = scope("code", prefix="/code/v1")
    told = []
    for name in ("chatty", "absent"):
        with pytest.raises(ModelNotFound) as caught:
            found.resolve(code, name, "chat", anything)
        told.append(caught.value.message.replace(name, "X"))
        assert caught.value.code == "model_not_found"
    assert told[0] == told[1] == "model 'X' is not served by /code/v1; available: coder"
    assert found.resolve(code, "coder", "chat", anything).pool.name == "b"


def test_service_may_name_its_own_code_for_an_unknown_model() -> None:
    found, _ = router({}, pool_of("a", "x"))
    at = scope(prefix="", unknown_model_code="invalid_model")
    with pytest.raises(ModelNotFound) as caught:
        found.resolve(at, "y", "chat", anything)
    assert (caught.value.status, caught.value.code) == (404, "invalid_model")
    assert caught.value.message.startswith("model 'y' is not served by /; ")


def test_long_name_and_long_list_make_no_long_message() -> None:
    found, _ = router({"a": models(*(f"m{n}" for n in range(50)))}, pool_of("a", "*"))
    with pytest.raises(ModelNotFound) as caught:
        found.resolve(scope(), "x" * 10_000, "chat", anything)
    assert len(caught.value.message) < 400


def test_absent_model_is_the_default_of_the_service_where_a_pool_serves_it() -> None:
    a = pool_of("a", "m*", default_model="m1")
    found, _ = router({"a": models("m1", "m2")}, a)
    assert found.resolve(scope(default_model="m2"), "", "chat", anything).model == "m2"
    assert (
        found.resolve(scope(default_model="gone"), "", "chat", anything).model == "m1"
    )
    assert found.resolve(scope(), "", "chat", anything).model == "m1"


def test_default_may_be_an_alias() -> None:
    pool = pool_of("a", "m", aliases={"best": "m"}, default_model="best")
    found, _ = router({"a": models("m")}, pool)
    for at in (scope(), scope(default_model="best")):
        assert where(found.resolve(at, "", "chat", anything)) == ("a", "best", "m")


def test_absent_model_is_the_first_default_among_the_pools_of_the_service() -> None:
    pools = (
        pool_of("a", "a"),
        pool_of("b", "b", kind="code", default_model="b"),
        pool_of("c", "c", default_model="c"),
    )
    found, _ = router({}, *pools)
    assert found.resolve(scope(), "", "chat", anything).model == "b"
    assert found.resolve(scope("chat"), "", "chat", anything).model == "c"


def test_absent_model_without_any_default_is_400() -> None:
    found, _ = router({"a": models("a")}, pool_of("a", "a"))
    with pytest.raises(MissingParameter) as caught:
        found.resolve(scope(), "", "chat", anything)
    assert (caught.value.status, caught.value.param) == (400, "model")
    assert caught.value.code == "missing_required_parameter"
