"""Names that differ in a default tag or in case, and models that a caller may not use."""

import pytest

from llmwrap.dialects.ollama import Ollama
from llmwrap.errors import MissingParameter, ModelNotFound
from llmwrap.routing import Allowed, Scope
from llmwrap.settings.values import ServiceSettings, UpstreamSettings
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream
from tests.upstreams.making import make_pool, make_upstream, models
from tests.upstreams.routers import EVERY, anything, ids, pool_of, router, scope, where


def tagging_pool(name: str, *patterns: str, **settings: object) -> Pool:
    """A pool with one upstream that takes `x` for `x:latest`."""
    upstream = Upstream(UpstreamSettings(name, f"http://{name}"), Ollama(), patterns)
    return make_pool(upstream, name=name, models=patterns, **settings)


LOOSE = Scope("ollama", "/ollama", EVERY, ServiceSettings(), loose_names=True)


def only(*names: str) -> Allowed:
    """Whoever asks may use these."""
    return frozenset(names).__contains__


@pytest.mark.parametrize(
    "asked", ["foo", "foo:latest", "FOO", "FOO:LATEST", "Foo:latest", " foo "]
)
def test_loose_name_leads_to_the_model_and_stays_as_asked(asked: str) -> None:
    found, _ = router({"a": models("foo")}, pool_of("a", "*"))
    route = found.resolve(LOOSE, asked, "chat", anything)
    assert where(route) == ("a", asked, "foo")
    assert found.model(LOOSE, asked, anything).name == "foo"


@pytest.mark.parametrize("asked", ["foo:8b", "FOO:8B", "fo", "foo:", "foo/latest"])
def test_other_tag_or_name_is_not_found(asked: str) -> None:
    found, catalog = router({"a": models("foo")}, pool_of("a", "*"))
    with pytest.raises(ModelNotFound) as caught:
        found.resolve(LOOSE, asked, "chat", anything)
    assert (caught.value.model, caught.value.operation) == (asked, "chat")
    with pytest.raises(ModelNotFound) as caught:
        found.model(LOOSE, asked, anything)
    assert caught.value.operation == "show_model"
    assert catalog.missed == 2


def test_strict_service_knows_neither_tags_nor_case() -> None:
    found, _ = router({"a": models("foo")}, pool_of("a", "*"))
    for asked in ("foo:latest", "FOO"):
        with pytest.raises(ModelNotFound):
            found.resolve(scope(), asked, "chat", anything)


def test_exact_name_comes_before_every_other_reading() -> None:
    lists = {"a": models("x", "y"), "b": models("x:latest", "X", "Y")}
    found, _ = router(lists, pool_of("a", "*"), pool_of("b", "*"))
    led = {
        asked: where(found.resolve(LOOSE, asked, "chat", anything))
        for asked in ("x", "x:latest", "X", "Y:latest", "y:LATEST")
    }
    assert led == {
        "x": ("a", "x", "x"),
        "x:latest": ("b", "x:latest", "x:latest"),
        "X": ("b", "X", "X"),
        "Y:latest": ("b", "Y:latest", "Y"),
        "y:LATEST": ("a", "y:LATEST", "y"),
    }


def test_loose_alias_leads_to_its_target() -> None:
    pool = pool_of("a", "m", aliases={"gpt-4o": "m"})
    found, _ = router({"a": models("m")}, pool)
    for asked in ("gpt-4o:latest", "GPT-4o"):
        route = found.resolve(LOOSE, asked, "chat", anything)
        assert where(route) == ("a", asked, "m")


def test_tag_may_be_left_out_on_every_service_where_the_upstream_says_so() -> None:
    lists = {"a": models("foo:latest", "bar:8b")}
    found, _ = router(lists, tagging_pool("a", "*"))
    assert where(found.resolve(scope(), "foo", "chat", anything)) == ("a", "foo", "foo")
    route = found.resolve(scope(), "foo:latest", "chat", anything)
    assert where(route) == ("a", "foo:latest", "foo:latest")
    assert found.model(scope(), "foo", anything).name == "foo:latest"
    for asked in ("bar", "Foo", "bar:8b:latest"):
        with pytest.raises(ModelNotFound):
            found.resolve(scope(), asked, "chat", anything)


@pytest.mark.parametrize("pattern", ["foo", "foo:latest"])
@pytest.mark.parametrize("asked", ["foo", "foo:latest"])
def test_pattern_holds_with_the_default_tag_and_without(
    pattern: str, asked: str
) -> None:
    found, _ = router({"a": models("foo:latest", "bar")}, tagging_pool("a", pattern))
    assert where(found.resolve(scope(), asked, "chat", anything))[:2] == ("a", asked)
    assert ids(found, scope()) == ["foo:latest"]


@pytest.mark.parametrize("pattern", ["foo", "foo:latest"])
def test_loose_name_finds_what_a_pattern_names_without_its_tag(pattern: str) -> None:
    found, _ = router({"a": models("foo:latest")}, tagging_pool("a", pattern))
    for asked in ("FOO", "Foo:latest"):
        assert found.resolve(LOOSE, asked, "chat", anything).upstream_model == pattern


@pytest.mark.parametrize("target", ["foo", "foo:latest"])
def test_alias_may_name_its_target_with_the_default_tag_or_without(target: str) -> None:
    pool = tagging_pool("a", "x", aliases={"small": target})
    found, _ = router({"a": models("foo:latest")}, pool)
    for asked in ("small", "small:latest"):
        assert found.resolve(scope(), asked, "chat", anything).upstream_model == target
    assert ids(found, scope()) == ["small"]


def test_default_model_may_leave_the_tag_out() -> None:
    found, _ = router({"a": models("foo:latest")}, tagging_pool("a", "foo:latest"))
    route = found.resolve(scope(default_model="foo"), "", "chat", anything)
    assert where(route) == ("a", "foo", "foo:latest")


def test_what_an_upstream_lacks_it_lacks_under_both_names() -> None:
    pool = tagging_pool("a", "*")
    found, _ = router({"a": models("foo:latest")}, pool)
    pool.upstreams[0].lacks("foo", float("inf"))
    for asked in ("foo", "foo:latest"):
        with pytest.raises(ModelNotFound):
            found.resolve(scope(), asked, "chat", anything)


def test_upstreams_of_a_pool_may_differ_in_what_a_name_means() -> None:
    plain = make_upstream("plain")
    address = UpstreamSettings("tagging", "http://tagging")
    tagging = Upstream(address, Ollama(), ("*",))
    lists = {"plain": models("foo"), "tagging": models("foo:latest")}
    found, _ = router(lists, make_pool(plain, tagging))
    route = found.resolve(scope(), "foo", "chat", anything)
    assert route.upstreams == (plain, tagging)


def test_model_that_may_not_be_used_is_answered_exactly_as_if_unknown() -> None:
    found, catalog = router({"a": models("public", "secret")}, pool_of("a", "*"))
    allowed = only("public")
    told = []
    for name in ("secret", "absent"):
        with pytest.raises(ModelNotFound) as caught:
            found.resolve(scope(), name, "chat", allowed)
        told.append(caught.value.message.replace(name, "X"))
        with pytest.raises(ModelNotFound) as caught:
            found.model(scope(), name, allowed)
        told.append(caught.value.message.replace(name, "X"))
    assert set(told) == {"model 'X' is not served by /api/v1; available: public"}
    assert catalog.missed == 4
    assert ids(found, scope(), allowed) == ["public"]
    assert found.resolve(scope(), "public", "chat", allowed).model == "public"


def test_permission_is_for_the_name_that_is_asked_for_not_for_the_upstreams() -> None:
    pool = pool_of("a", "m", aliases={"alias": "m"})
    found, _ = router({"a": models("m")}, pool)
    assert ids(found, scope(), only("alias")) == ["alias"]
    assert found.resolve(scope(), "alias", "chat", only("alias")).model == "alias"
    with pytest.raises(ModelNotFound):
        found.resolve(scope(), "alias", "chat", only("m"))


def test_other_case_opens_no_model_that_may_not_be_used() -> None:
    found, _ = router({"a": models("secret", "public")}, pool_of("a", "*"))
    for asked in ("SECRET", "Secret:latest"):
        with pytest.raises(ModelNotFound):
            found.resolve(LOOSE, asked, "chat", only("public", "SECRET"))
    route = found.resolve(LOOSE, "PUBLIC:latest", "chat", only("public"))
    assert route.upstream_model == "public"


@pytest.mark.parametrize("permitted", ["foo", "foo:latest"])
@pytest.mark.parametrize("asked", ["foo", "foo:latest"])
def test_permission_holds_with_the_default_tag_and_without(
    permitted: str, asked: str
) -> None:
    found, _ = router({"a": models("foo:latest", "bar")}, tagging_pool("a", "*"))
    allowed = only(permitted)
    assert found.resolve(scope(), asked, "chat", allowed).model == asked
    assert ids(found, scope(), allowed) == ["foo:latest"]


def test_default_that_may_not_be_used_is_passed_over() -> None:
    pools = (pool_of("a", "a", default_model="a"), pool_of("b", "b", default_model="b"))
    found, _ = router({}, *pools)
    at = scope(default_model="a")
    assert found.resolve(at, "", "chat", only("b")).model == "b"
    with pytest.raises(MissingParameter):
        found.resolve(at, "", "chat", only("c"))


@pytest.mark.parametrize("judged", [scope(), LOOSE])
def test_name_that_is_too_long_for_any_model_is_not_looked_at(judged: Scope) -> None:
    seen: list[str] = []

    def noting(name: str) -> bool:
        seen.append(name)
        return True

    found, _ = router({"b": models("m")}, pool_of("a", "*"), pool_of("b", "*"))
    assert found.resolve(judged, "x" * 512, "chat", noting).pool.name == "a"
    seen.clear()
    for ask in (
        lambda: found.resolve(judged, "x" * 513, "chat", noting),
        lambda: found.model(judged, "x" * 513, noting),
    ):
        with pytest.raises(ModelNotFound) as caught:
            ask()
        assert (caught.value.status, len(caught.value.model)) == (404, 200)
        assert caught.value.message == (
            f"model '{'x' * 200}' is not served by {judged.prefix}; available: m"
        )
    assert set(seen) == {"m"}
