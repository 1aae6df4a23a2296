"""One model server: what the operator said of it, and what is going on there now."""

from collections.abc import Callable

from llmwrap.dialects.base import Dialect, Headers
from llmwrap.settings.values import UpstreamSettings

_WILDCARDS = frozenset("*?[")


class Upstream:
    """One base URL speaking one dialect. `in_flight` is written under its pool's lock only."""

    def __init__(
        self, settings: UpstreamSettings, dialect: Dialect, family: tuple[str, ...]
    ) -> None:
        self.name = settings.name
        self.url = settings.url.rstrip("/")
        self.dialect = dialect
        self.credentials: Headers = dialect.credentials(settings.api_key)
        self.max_in_flight = settings.max_in_flight
        self.static_models = settings.models
        self.named_models = tuple(
            pattern for pattern in family if not _WILDCARDS.intersection(pattern)
        )
        self.in_flight = 0

    @property
    def full(self) -> bool:
        """Whether `max_in_flight` (0 = no limit) is reached."""
        return 0 < self.max_in_flight <= self.in_flight

    def __repr__(self) -> str:
        return f"<Upstream {self.name}>"


class Lease:
    """One held slot on one upstream; the holder releases it, once or more often."""

    __slots__ = ("_release", "upstream")

    def __init__(self, upstream: Upstream, release: Callable[[Upstream], None]) -> None:
        self.upstream = upstream
        self._release: Callable[[Upstream], None] | None = release

    def release(self) -> None:
        """Give the slot back; idempotent."""
        release, self._release = self._release, None
        if release:
            release(self.upstream)
