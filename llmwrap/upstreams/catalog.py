"""Which models each upstream serves, as it last said so; the one source of every model list.

Reading never dials: a refresher thread asks the upstreams, all at once, every now and then and
when a model was missed, so one dead upstream delays nobody. The last good list is kept.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from llmwrap.dialects.base import Model
from llmwrap.errors import GatewayError
from llmwrap.upstreams.upstream import Upstream

log = logging.getLogger(__name__)

REFRESH_S = 30.0
RETRY_S = 2.0
MISS_PAUSE_S = 1.0
_MAX_PARALLEL = 16

Fetch = Callable[[Upstream], tuple[Model, ...]]


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
    ) -> None:
        self._upstreams = tuple(upstreams)
        self._fetch = fetch
        self._clock = clock
        self._listings = {
            upstream.name: _initial(upstream) for upstream in self._upstreams
        }
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def listing(self, upstream: Upstream) -> Listing:
        """What is known of `upstream` now."""
        return self._listings[upstream.name]

    def serves(self, upstream: Upstream, model: str) -> bool | None:
        """Whether `upstream` has `model`; None while it has not listed its models."""
        models = self._listings[upstream.name].models
        return None if models is None else model in models

    @property
    def ready(self) -> bool:
        """Whether every upstream has been asked at least once."""
        return all(listing.tried for listing in self._listings.values())

    def start(self) -> None:
        """Start the refresher (once); call it after a fork, never before."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="catalog", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End the refresher; waits for a refresh under way (bounded by its timeouts)."""
        self._stopped.set()
        self._wake.set()
        if self._thread:
            self._thread.join()

    def miss(self) -> None:
        """Ask for a refresh soon: somebody named a model that nobody is known to have."""
        self._wake.set()

    def refresh(self) -> None:
        """Ask every upstream now, all at the same time, and wait for all of them."""
        asked = [upstream for upstream in self._upstreams if not upstream.static_models]
        if not asked:
            return
        with ThreadPoolExecutor(min(len(asked), _MAX_PARALLEL)) as threads:
            list(threads.map(self._refresh_one, asked))

    def _refresh_one(self, upstream: Upstream) -> None:
        before = self._listings[upstream.name]
        try:
            models = {model.id: model for model in self._fetch(upstream)}
        except GatewayError as error:
            listing = Listing(before.models, before.at, error.code, tried=True)
            if before.error != error.code:
                log.warning(
                    "models_not_listed",
                    extra={"upstream": upstream.name, "error": error.code},
                )
        else:
            listing = Listing(_first_seen(models, before), self._clock(), tried=True)
            if before.error or before.models is None:
                log.info(
                    "models_listed",
                    extra={"upstream": upstream.name, "models": len(models)},
                )
        self._listings[upstream.name] = listing

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self.refresh()
            except Exception:
                log.exception("catalog_refresh_failed")
            failing = any(listing.error for listing in self._listings.values())
            self._stopped.wait(MISS_PAUSE_S)
            self._wake.wait(RETRY_S if failing else REFRESH_S)


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
        name: Model(
            name,
            known[name].created if name in known else model.created or now,
            model.extra,
        )
        for name, model in models.items()
    }
