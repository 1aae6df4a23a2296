"""From (service, model) to the pool that serves it; and the model lists made of the same facts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmwrap.canonical.messages import Operation
from llmwrap.canonical.names import MAX_NAME, folded, spellings
from llmwrap.canonical.tasks import Target
from llmwrap.dialects.base import Model, Offer
from llmwrap.errors import (
    MissingParameter,
    ModelNotFound,
    NoHealthyUpstream,
    UpstreamUnreachable,
)
from llmwrap.settings.values import Kind, ServiceSettings
from llmwrap.upstreams.catalog import Catalog
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream

Allowed = Callable[[str], bool]
"""Whether the caller may use a model of this name; one that it may not use is unknown to it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a service may reach: its name and prefix for messages, its kinds, its settings.

    With `loose_names` a model is also found without its default tag, and in any case.
    """

    service: str
    prefix: str
    kinds: frozenset[Kind]
    settings: ServiceSettings
    loose_names: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: `model` as asked for, `upstream_model` as the upstreams call it.

    `catalog` is where `target` looks up what the operator did not say.
    """

    pool: Pool
    model: str
    upstream_model: str
    upstreams: tuple[Upstream, ...]
    catalog: Catalog | None = None

    def target(self, upstream: Upstream) -> Target:
        """What a dialect must know of `upstream` to write a task for it."""
        told, pool = upstream.settings, self.pool.settings
        listed = self._listed(upstream)
        length = listed.get("max_model_len")  # vLLM 0.16
        return Target(
            model=self.upstream_model,
            engine=told.engine or str(listed.get("owned_by") or ""),
            context_length=pool.context_length
            or (length if type(length) is int else 0),
            keep_alive=told.keep_alive,
            embed_batch=told.embed_batch,
            fill_in_middle=pool.fill_in_middle,
        )

    def _listed(self, upstream: Upstream) -> Mapping[str, Any]:
        catalog, model = self.catalog, self.upstream_model
        entry = catalog.entry(upstream, model) if catalog else None
        return entry.extra if entry else {}


class Router:
    """Looks models up by exact name, alias or pattern; the first pool of the file wins."""

    def __init__(self, pools: tuple[Pool, ...], catalog: Catalog) -> None:
        self._pools = pools
        self._catalog = catalog

    def resolve(
        self, scope: Scope, model: str, operation: Operation, allowed: Allowed
    ) -> Route:
        """The route of `model` ("" = the default); ModelNotFound whatever the reason."""
        asked = model or self._default(scope, allowed)
        if len(asked) <= MAX_NAME and (route := self._route(scope, asked, allowed)):
            return route
        raise self._not_found(scope, asked, operation, allowed)

    def models(self, scope: Scope, allowed: Allowed) -> list[Offer]:
        """Every model that can be called here, aliases included."""
        offers: dict[str, Offer] = {}
        for pool in self._pools_of(scope):
            for name, model in self._listed(pool):
                if any(allowed(each) for each in _spellings(pool, name)):
                    offer = Offer(name, model, pool.settings, pool.owned_by)
                    offers.setdefault(name, offer)
        return list(offers.values())

    def model(self, scope: Scope, name: str, allowed: Allowed) -> Offer:
        """That one of them which `name` leads to; ModelNotFound when there is none.

        NoHealthyUpstream while that is not known.
        """
        offers = {offer.name: offer for offer in self.models(scope, allowed)}
        if not offers:
            self._check_heard()
        if len(name) > MAX_NAME:
            raise self._not_found(scope, name, "show_model", allowed)
        for pool, reading in self._readings(scope, name):
            offer = offers.get(reading)
            if offer and offer.pool is pool.settings:
                return offer
        raise self._not_found(scope, name, "show_model", allowed)

    def check_listed(self, scope: Scope) -> None:
        """For an empty list: raise why it is not known to be empty.

        NoHealthyUpstream while an upstream has yet to be heard, as after a worker's start;
        UpstreamUnreachable when every upstream of `scope` has failed to list models.
        """
        self._check_heard()
        listings = [
            self._catalog.listing(upstream)
            for pool in self._pools_of(scope)
            for upstream in pool.upstreams
        ]
        if listings and all(each.error and each.models is None for each in listings):
            raise UpstreamUnreachable("no upstream has told which models it serves")

    def _check_heard(self) -> None:
        if not self._catalog.ready:
            told = "the upstreams have not told yet which models they serve"
            raise NoHealthyUpstream(told, retry_after_s=1)

    def _pools_of(self, scope: Scope) -> Iterator[Pool]:
        return (pool for pool in self._pools if pool.kind in scope.kinds)

    def _route(self, scope: Scope, asked: str, allowed: Allowed) -> Route | None:
        for pool, name in self._readings(scope, asked):
            target = pool.target_of(name) if allowed(name) else None
            if target and (upstreams := self._serving(pool, target)):
                return Route(pool, asked, target, upstreams, self._catalog)
        return None

    def _readings(self, scope: Scope, asked: str) -> Iterator[tuple[Pool, str]]:
        """(pool, name) of what `asked` may mean: as it stands first, in whichever pool."""
        for pool in self._pools_of(scope):
            yield pool, asked
        others = spellings(asked)[1:]
        for pool in self._pools_of(scope):
            if scope.loose_names or pool.tagged_names:
                yield from ((pool, name) for name in others)
        if scope.loose_names:
            wanted = folded(asked)
            for pool in self._pools_of(scope):
                for name, _ in self._listed(pool):
                    if folded(name) == wanted:
                        yield from ((pool, each) for each in _spellings(pool, name))

    def _default(self, scope: Scope, allowed: Allowed) -> str:
        wanted = scope.settings.default_model
        if wanted and self._route(scope, wanted, allowed):
            return wanted
        for pool in self._pools_of(scope):
            if pool.default_model and allowed(pool.default_model):
                return pool.default_model
        raise MissingParameter(
            "model is missing, and no default model is configured", param="model"
        )

    def _serving(self, pool: Pool, model: str) -> tuple[Upstream, ...]:
        """Those of the pool that have `model`; the silent ones while nobody has listed any."""
        known = {each: self._serves(pool, each, model) for each in pool.upstreams}
        listed = any(self._catalog.listing(each).models is not None for each in known)
        wanted = True if listed else None
        return tuple(each for each, answer in known.items() if answer is wanted)

    def _serves(self, pool: Pool, upstream: Upstream, model: str) -> bool | None:
        """As the catalog says, but for what the pool's kind has no use for."""
        entry = self._catalog.entry(upstream, model)
        if entry and not _of_use(pool, entry):
            return False
        return self._catalog.serves(upstream, model)

    def _listed(self, pool: Pool) -> Iterator[tuple[str, Model]]:
        """(name, model) of what the pool's upstreams listed, then of its aliases."""
        models: dict[str, Model] = {}
        for upstream in pool.upstreams:
            for name, model in (self._catalog.listing(upstream).models or {}).items():
                if _of_use(pool, model):
                    models.setdefault(name, model)
        for name, model in models.items():
            if any(pool.matches(each) for each in _spellings(pool, name)):
                yield name, model
        for alias, target in pool.aliases.items():
            for name in _spellings(pool, target):
                if name in models:
                    yield alias, models[name]
                    break

    def _not_found(
        self, scope: Scope, model: str, operation: Operation, allowed: Allowed
    ) -> ModelNotFound:
        """The error; the catalog is asked to look whether the model has come meanwhile."""
        self._catalog.miss()
        available = ", ".join(each.name for each in self.models(scope, allowed)[:20])
        return ModelNotFound(
            f"model {model[:200]!r} is not served by {scope.prefix or '/'};"
            f" available: {available or 'none'}",
            model=model[:200],
            operation=operation,
            code=scope.settings.unknown_model_code,
        )


def _spellings(pool: Pool, name: str) -> tuple[str, ...]:
    return spellings(name) if pool.tagged_names else (name,)


def _of_use(pool: Pool, model: Model) -> bool:
    """Whether `model` can serve a pool of this kind, as far as its upstream tells."""
    return pool.kind == "embed" or not model.only_embeds
