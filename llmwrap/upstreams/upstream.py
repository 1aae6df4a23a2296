"""One model server: what the operator said of it, and what is going on there now."""

import threading

from llmwrap.canonical import names
from llmwrap.dialects.base import Dialect, Headers
from llmwrap.settings.values import UpstreamSettings
from llmwrap.upstreams.health import Health

_MOST_ABSENT = 256
_WILDCARDS = frozenset("*?[")


class Upstream:
    """One base URL speaking one dialect. What changes is written under its pool's lock only.

    `ask_soon` wakes whoever keeps its model list: something happened that it may tell of.
    """

    def __init__(
        self, settings: UpstreamSettings, dialect: Dialect, family: tuple[str, ...]
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.url = settings.url.rstrip("/")
        self.dialect = dialect
        self._api_key = settings.api_key
        self.credentials: Headers = dialect.credentials(settings.api_key)
        self.max_in_flight = settings.max_in_flight
        self.static_models = settings.models
        self.named_models = tuple(
            pattern for pattern in family if not _WILDCARDS.intersection(pattern)
        )
        self.health = Health()
        self.ask_soon = threading.Event()
        self.in_flight = 0
        self.draining = False
        self._absent: dict[str, float] = {}

    @property
    def full(self) -> bool:
        """Whether `max_in_flight` (0 = no limit) is reached."""
        return 0 < self.max_in_flight <= self.in_flight

    def spellings(self, model: str) -> tuple[str, ...]:
        """`model`, and what else this server takes for the same name."""
        return names.spellings(model) if self.dialect.tagged_names else (model,)

    def lacks(self, model: str, until: float) -> None:
        """It said that it has not got `model`, whatever it listed: believe it until then."""
        if len(self._absent) >= _MOST_ABSENT:
            self._absent.clear()
        self._absent[model] = until

    def lacked(self, model: str, now: float) -> bool:
        """Whether it said lately that it has not got `model`."""
        return self._absent.get(model, now) > now

    def without_key(self, text: str) -> str:
        """`text` without this upstream's key: its errors may quote it, callers may not see it."""
        return text.replace(self._api_key, "[key]") if self._api_key else text

    def available(self, now: float) -> bool:
        """Whether it may be asked, had it room: healthy, rested, and not being drained."""
        return not self.draining and self.health.available(now)

    def __repr__(self) -> str:
        return f"<Upstream {self.name}>"
