"""Upstreams, pools and lists of models without a network."""

from collections.abc import Mapping
from typing import Any

from llmwrap.dialects.base import Model
from llmwrap.dialects.openai import OpenAI
from llmwrap.settings.values import PoolSettings, UpstreamSettings
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream


def make_upstream(
    name: str, family: tuple[str, ...] = ("*",), **settings: Any
) -> Upstream:
    return Upstream(
        UpstreamSettings(name, f"http://{name}/v1", **settings), OpenAI(), family
    )


def make_pool(*upstreams: Upstream, **settings: Any) -> Pool:
    """A pool `p` of chat models of any name, where `settings` do not say otherwise."""
    values = {"name": "p", "kind": "chat", "models": ("*",), "upstreams": ()} | settings
    return Pool(PoolSettings(**values), upstreams)


def models(*names: str, **created: int) -> tuple[Model, ...]:
    """Models as an upstream lists them: created at 0, or as `created` says."""
    every: Mapping[str, int] = dict.fromkeys(names, 0) | created
    return tuple(Model(name, when, {}) for name, when in every.items())
