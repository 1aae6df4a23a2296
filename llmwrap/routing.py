"""From (service, model) to the pool that serves it; and the model lists made of the same facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmwrap.canonical.messages import Operation
from llmwrap.dialects.base import Model
from llmwrap.errors import (
    InvalidRequest,
    MissingParameter,
    ModelNotFound,
    UpstreamUnreachable,
)
from llmwrap.settings.values import Kind, ServiceSettings
from llmwrap.upstreams.catalog import Catalog
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Scope:
    """What a service may reach: its name and prefix for messages, its kinds, its settings."""

    service: str
    prefix: str
    kinds: frozenset[Kind]
    settings: ServiceSettings


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: `model` as asked for, `upstream_model` as the upstreams call it."""

    pool: Pool
    model: str
    upstream_model: str
    upstreams: tuple[Upstream, ...]


class Router:
    """Looks models up by exact name, alias or pattern; the first pool of the file wins."""

    def __init__(self, pools: tuple[Pool, ...], catalog: Catalog) -> None:
        self._pools = pools
        self._catalog = catalog

    def resolve(self, scope: Scope, model: str, operation: Operation) -> Route:
        """The route of `model` ("" = the default); ModelNotFound whatever the reason."""
        asked = model or self._default(scope)
        for pool in self._pools_of(scope):
            target = pool.target_of(asked)
            if target and (upstreams := self._serving(pool, target)):
                _check_kind(pool, asked, operation)
                return Route(pool, asked, target, upstreams)
        self._catalog.miss()
        raise self._not_found(scope, asked)

    def models(self, scope: Scope) -> list[dict[str, Any]]:
        """The OpenAI entries of every model that can be called here, aliases included."""
        entries: dict[str, dict[str, Any]] = {}
        for pool in self._pools_of(scope):
            for name, model in self._listed(pool):
                entries.setdefault(name, _entry(name, model, pool.owned_by))
        return list(entries.values())

    def check_listed(self, scope: Scope) -> None:
        """Raise UpstreamUnreachable when every upstream of `scope` has failed to list models."""
        listings = [
            self._catalog.listing(upstream)
            for pool in self._pools_of(scope)
            for upstream in pool.upstreams
        ]
        if listings and all(each.error and each.models is None for each in listings):
            raise UpstreamUnreachable("no upstream has told which models it serves")

    def model(self, scope: Scope, name: str) -> dict[str, Any]:
        """The entry of one model; ModelNotFound when the list does not have it."""
        for entry in self.models(scope):
            if entry["id"] == name:
                return entry
        self._catalog.miss()
        raise self._not_found(scope, name)

    def _pools_of(self, scope: Scope) -> Iterator[Pool]:
        return (pool for pool in self._pools if pool.kind in scope.kinds)

    def _default(self, scope: Scope) -> str:
        wanted = scope.settings.default_model
        pools = tuple(self._pools_of(scope))
        for pool in pools:
            target = pool.target_of(wanted) if wanted else None
            if target and self._serving(pool, target):
                return wanted
        for pool in pools:
            if pool.default_model:
                return pool.default_model
        raise MissingParameter(
            "model is missing, and no default model is configured", param="model"
        )

    def _serving(self, pool: Pool, model: str) -> tuple[Upstream, ...]:
        """Those of the pool that have `model`; the silent ones while nobody has listed any."""
        known = {each: self._catalog.serves(each, model) for each in pool.upstreams}
        listed = any(self._catalog.listing(each).models is not None for each in known)
        wanted = True if listed else None
        return tuple(each for each, answer in known.items() if answer is wanted)

    def _listed(self, pool: Pool) -> Iterator[tuple[str, Model]]:
        """(name, model) of what the pool's upstreams listed, then of its aliases."""
        models: dict[str, Model] = {}
        for upstream in pool.upstreams:
            for name, model in (self._catalog.listing(upstream).models or {}).items():
                models.setdefault(name, model)
        yield from ((name, models[name]) for name in models if pool.matches(name))
        for alias, target in pool.aliases.items():
            if target in models:
                yield alias, models[target]

    def _not_found(self, scope: Scope, model: str) -> ModelNotFound:
        available = ", ".join(entry["id"] for entry in self.models(scope)[:20])
        return ModelNotFound(
            f"model {model[:200]!r} is not served by {scope.prefix or '/'};"
            f" available: {available or 'none'}",
            code=scope.settings.unknown_model_code,
        )


def _check_kind(pool: Pool, model: str, operation: Operation) -> None:
    embeds = pool.kind == "embed"
    if embeds == (operation == "embeddings"):
        return
    what = "an embedding model" if embeds else "no embedding model"
    raise InvalidRequest(
        f"model {model!r} is {what} and cannot serve this operation", param="model"
    )


_PASSED_ON = ("max_model_len", "context_length", "max_context_length")
"""Extra keys of an upstream's entry that clients read (Continue reads `max_model_len`)."""


def _entry(name: str, model: Model, owned_by: str) -> dict[str, Any]:
    digest = str(model.extra.get("digest") or "")
    root = f"sha256:{digest.removeprefix('sha256:')}" if digest else name
    entry = {
        "id": name,
        "object": "model",
        "created": model.created,
        "owned_by": owned_by,
        "root": root,
    }
    return entry | {key: model.extra[key] for key in _PASSED_ON if key in model.extra}
