"""Which models each upstream serves, as it last said so; the one source of every model list.

Reading never dials: one thread an upstream asks for its list every now and then, and when a
model was missed, so a slow or dead one delays no other. The last good list is kept.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from llmwrap.dialects.base import Model
from llmwrap.errors import GatewayError
from llmwrap.errors.base import MAX_REASON
from llmwrap.upstreams.upstream import Upstream

log = logging.getLogger(__name__)

Fetch = Callable[[Upstream], tuple[Model, ...]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two lists of an upstream: a good one, a failed one, at the very least."""

    refresh_s: float = 30.0
    retry_s: float = 2.0
    pause_s: float = 1.0


PACE = Pace()


@dataclass(frozen=True, slots=True)
class Listing:
    """What one upstream said: its models by id, when (monotonic seconds), or the last error."""

    models: dict[str, Model] | None = None
    at: float | None = None
    error: str = ""
    tried: bool = False


class Catalog:
    """The listings of all upstreams. Each is replaced whole, so readers need no lock."""

    def __init__(
        self,
        upstreams: Iterable[Upstream],
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace = PACE,
    ) -> None:
        self._upstreams = tuple(upstreams)
        self._fetch = fetch
        self._clock = clock
        self._pace = pace
        self._listings = {
            upstream.name: _initial(upstream) for upstream in self._upstreams
        }
        self._stopped = threading.Event()
        self._asked = tuple(
            upstream for upstream in self._upstreams if not upstream.static_models
        )
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def listing(self, upstream: Upstream) -> Listing:
        """What is known of `upstream` now."""
        return self._listings[upstream.name]

    def entry(self, upstream: Upstream, model: str) -> Model | None:
        """`model` as `upstream` listed it; None while it has not."""
        models = self._listings[upstream.name].models or {}
        names = (name for name in upstream.spellings(model) if name in models)
        return next((models[name] for name in names), None)

    def serves(self, upstream: Upstream, model: str) -> bool | None:
        """Whether `upstream` has `model`; None while it has not listed its models."""
        models = self._listings[upstream.name].models
        spellings = upstream.spellings(model)
        now = self._clock()
        if any(upstream.lacked(name, now) for name in spellings):
            return False
        return None if models is None else not models.keys().isdisjoint(spellings)

    @property
    def ready(self) -> bool:
        """Whether every upstream has been asked at least once."""
        return all(listing.tried for listing in self._listings.values())

    def start(self) -> None:
        """Start the refreshers (once); call it after a fork, never before."""
        with self._lock:
            if self._threads:
                return
            self._threads = [
                threading.Thread(
                    target=self._keep,
                    args=(upstream,),
                    name="catalog",
                    daemon=True,
                )
                for upstream in self._asked
            ]
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """End the refreshers; waits for lists under way (bounded by the fetch's timeouts)."""
        self._stopped.set()
        self.miss()
        for thread in self._threads:
            thread.join()

    def miss(self) -> None:
        """Ask for a refresh soon: somebody named a model that nobody is known to have."""
        for upstream in self._asked:
            upstream.ask_soon.set()

    def refresh(self, upstream: Upstream) -> None:
        """Ask `upstream` now, and wait for its list."""
        before = self._listings[upstream.name]
        try:
            models = {model.id: model for model in self._fetch(upstream)}
        except GatewayError as error:
            listing = Listing(before.models, before.at, error.code, tried=True)
            if before.error != error.code:
                log.warning(
                    "models_not_listed",
                    extra={
                        "upstream": upstream.name,
                        "error": error.code,
                        "reason": error.reason or error.message[:MAX_REASON],
                    },
                )
        else:
            listing = Listing(_first_seen(models, before), self._clock(), tried=True)
            if before.error or before.models is None:
                log.info(
                    "models_listed",
                    extra={"upstream": upstream.name, "models": len(models)},
                )
        self._listings[upstream.name] = listing

    def _keep(self, upstream: Upstream) -> None:
        while not self._stopped.is_set():
            upstream.ask_soon.clear()
            try:
                self.refresh(upstream)
            except Exception:
                log.exception(
                    "catalog_refresh_failed", extra={"upstream": upstream.name}
                )
            if self._stopped.wait(self._pace.pause_s):
                return
            listing = self.listing(upstream)
            good = listing.models is not None and not listing.error
            good = good and upstream.health.state(self._clock()) != "ejected"
            upstream.ask_soon.wait(self._pace.refresh_s if good else self._pace.retry_s)


def _initial(upstream: Upstream) -> Listing:
    if not upstream.static_models:
        return Listing()
    models = {name: Model(name, 0, {}) for name in upstream.static_models}
    return Listing(models, tried=True)


def _first_seen(models: dict[str, Model], before: Listing) -> dict[str, Model]:
    """`models`, each with the creation time that was told first: vLLM tells a new one each time."""
    known = before.models or {}
    now = int(time.time())
    return {
        name: replace(
            model,
            created=known[name].created if name in known else model.created or now,
        )
        for name, model in models.items()
    }
