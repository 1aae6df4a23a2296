"""What the views work with: the parts of one running gateway, wired by `app.create_app`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from llmwrap.auth.authenticators import CredentialSources, Identifier
from llmwrap.auth.limits import Limiting
from llmwrap.auth.running import Running
from llmwrap.auth.upkeep import Upkeep
from llmwrap.demo.server import DemoUpstream
from llmwrap.exchange import Exchange
from llmwrap.routing import Router
from llmwrap.settings.values import Settings
from llmwrap.sinks import Sink, publish
from llmwrap.storage.engine import Database
from llmwrap.upstreams.catalog import Catalog
from llmwrap.upstreams.client import UpstreamClient
from llmwrap.upstreams.drained import DrainWatch


@dataclass(frozen=True, slots=True)
class Gateway:
    """One worker's live parts. `start` is called after a fork, never before."""

    settings: Settings
    router: Router
    catalog: Catalog
    client: UpstreamClient
    database: Database
    sources: CredentialSources
    identifier: Identifier
    upkeep: Upkeep
    limiting: Limiting
    sinks: tuple[Sink, ...]
    clock: Callable[[], float]
    drain: DrainWatch
    demo: DemoUpstream | None = None
    _started: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> Running:
        """The answers on their way, which end when their sender loses access."""
        return self.sources.accounts.running

    def start(self) -> None:
        """Start what runs beside requests; only the first call does anything."""
        if not self._started.is_set():
            self._started.set()
            if self.demo:
                self.demo.start()
            self.catalog.start()
            self.drain.start()
            if self.sources.oidc:
                self.sources.oidc.start()
            if self.settings.auth_required:
                self.upkeep.look()  # no worker begins with old news
            self.upkeep.start()

    def stop(self) -> None:
        """End every thread and connection."""
        self.limiting.stop()
        self.upkeep.stop()
        self.database.close()
        self.drain.stop()
        self.catalog.stop()
        self.client.close()
        if self.demo:
            self.demo.close()

    def finish(self, exchange: Exchange) -> None:
        """Close the record of a request and hand it to the sinks; idempotent."""
        if exchange.ended is None:
            exchange.ended = self.clock()
            publish(exchange, self.sinks)
