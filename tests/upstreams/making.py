"""Upstreams, pools and lists of models without a network."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from llmwrap.dialects.base import Model
from llmwrap.dialects.openai import OpenAI
from llmwrap.settings.values import PoolSettings, UpstreamSettings
from llmwrap.upstreams.health import Health
from llmwrap.upstreams.pool import Lease, Pool
from llmwrap.upstreams.upstream import Upstream

NOW = 1000.0
FAR = NOW + 600
"""A deadline that does not matter."""


def make_upstream(
    name: str, family: tuple[str, ...] = ("*",), **settings: Any
) -> Upstream:
    """An upstream that is ejected for exact times."""
    address = UpstreamSettings(name, f"http://{name}/v1", **settings)
    upstream = Upstream(address, OpenAI(), family)
    upstream.health = Health(jitter=lambda: 1.0)
    return upstream


def make_upstreams(names: str, **settings: Any) -> tuple[Upstream, ...]:
    """One upstream for each letter of `names`."""
    return tuple(make_upstream(name, **settings) for name in names)


def leased(
    pool: Pool,
    serving: Sequence[Upstream] = (),
    tried: Collection[Upstream] = (),
    now: float = NOW,
) -> Lease:
    """A lease that is there at once, of any upstream where `serving` does not say."""
    lease = pool.lease(serving or pool.upstreams, tried, now, FAR)
    assert lease
    return lease


def make_pool(*upstreams: Upstream, **settings: Any) -> Pool:
    """A pool `p` of chat models of any name, where `settings` do not say otherwise."""
    values = {"name": "p", "kind": "chat", "models": ("*",), "upstreams": ()} | settings
    return Pool(PoolSettings(**values), upstreams)


def models(*names: str, **created: int) -> tuple[Model, ...]:
    """Models as an upstream lists them: created at 0, or as `created` says."""
    every: Mapping[str, int] = dict.fromkeys(names, 0) | created
    return tuple(Model(name, when, {}) for name, when in every.items())
