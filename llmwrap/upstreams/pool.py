"""Interchangeable upstreams that serve one model family, and the slots on them."""

import threading
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from llmwrap.errors import NoHealthyUpstream
from llmwrap.settings.values import PoolSettings
from llmwrap.upstreams.policies import POLICIES
from llmwrap.upstreams.upstream import Lease, Upstream

_RETRY_AFTER_S = 1


class Pool:
    """Hands out leases. Thread-safe: one lock guards the in-flight counts and the turn."""

    def __init__(self, settings: PoolSettings, upstreams: tuple[Upstream, ...]) -> None:
        self.name = settings.name
        self.kind = settings.kind
        self.patterns = settings.models
        self.aliases = settings.aliases
        self.default_model = settings.default_model
        self.inject_defaults = settings.inject_defaults
        self.owned_by = settings.owned_by or upstreams[0].dialect.owned_by
        self.upstreams = upstreams
        self._choose = POLICIES[settings.policy]
        self._lock = threading.Lock()
        self._turn = 0

    def target_of(self, model: str) -> str | None:
        """What the upstreams call `model`: an alias's target, or a name of the family.

        None for a name that is neither: an alias's target is not public by being one.
        """
        target = self.aliases.get(model)
        if target is None and self.matches(model):
            return model
        return target

    def matches(self, model: str) -> bool:
        """Whether `model` is of this pool's family, by its patterns (case counts)."""
        return any(fnmatchcase(model, pattern) for pattern in self.patterns)

    def lease(self, serving: Iterable[Upstream], tried: Collection[Upstream]) -> Lease:
        """A slot on one of `serving` that was not `tried`; NoHealthyUpstream when none is free."""
        with self._lock:
            candidates = [
                upstream
                for upstream in serving
                if upstream not in tried and not upstream.full
            ]
            if not candidates:
                raise NoHealthyUpstream(
                    "no upstream can take this request now",
                    retry_after_s=_RETRY_AFTER_S,
                )
            upstream = self._choose(candidates, self._turn)
            self._turn += 1
            upstream.in_flight += 1
        return Lease(upstream, self._release)

    def _release(self, upstream: Upstream) -> None:
        with self._lock:
            upstream.in_flight -= 1
