"""Routers over pools whose upstreams have said what they serve."""

from collections.abc import Mapping
from typing import Any

from llmwrap.dialects.base import Model
from llmwrap.errors import UpstreamError
from llmwrap.routing import Allowed, Route, Router, Scope
from llmwrap.settings.values import Kind, ServiceSettings
from llmwrap.upstreams.catalog import Catalog
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream
from tests.upstreams.making import make_pool, make_upstream

EVERY: frozenset[Kind] = frozenset({"chat", "code", "embed"})
SILENT = UpstreamError("does not answer")
Lists = Mapping[str, tuple[Model, ...] | Exception]


class Misses(Catalog):
    """Counts the wishes for fresh lists."""

    missed = 0

    def miss(self) -> None:
        self.missed += 1


def anything(_model: str) -> bool:
    """Whoever asks may use every model."""
    return True


def scope(*kinds: Kind, prefix: str = "/api/v1", **settings: str) -> Scope:
    return Scope("api", prefix, frozenset(kinds) or EVERY, ServiceSettings(**settings))


def router(lists: Lists, *pools: Pool) -> tuple[Router, Misses]:
    """A router whose upstreams have been asked once, and said what `lists` says."""

    def fetch(upstream: Upstream) -> tuple[Model, ...]:
        answer = lists[upstream.name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    catalog = Misses((up for pool in pools for up in pool.upstreams), fetch)
    for pool in pools:
        for upstream in pool.upstreams:
            if upstream.name in lists:
                catalog.refresh(upstream)
    return Router(pools, catalog), catalog


def pool_of(name: str, *patterns: str, **settings: Any) -> Pool:
    """A pool with one upstream of the same name."""
    return make_pool(
        make_upstream(name, patterns), name=name, models=patterns, **settings
    )


def where(route: Route) -> tuple[str, str, str]:
    return route.pool.name, route.model, route.upstream_model


def ids(router: Router, at: Scope, allowed: Allowed = anything) -> list[str]:
    return [offer.name for offer in router.models(at, allowed)]
