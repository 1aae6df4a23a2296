"""What the database said of credentials, remembered: for seconds, and longer while it is away.

So a database that fails for a minute is not felt by those who were there before. Nothing is
remembered of what it does not know.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

from llmwrap.errors import StorageUnavailable

FRESH_S = 5
STALE_S = 60
SIZE = 4096

K = TypeVar("K")
V = TypeVar("V")


class Recall(Generic[K, V]):
    """A bounded memory in front of `load`; safe to share, the lock guards the entries.

    `load` gives None for what does not exist, and raises StorageUnavailable.
    """

    def __init__(
        self,
        load: Callable[[K], V | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: TTLCache[K, tuple[float, V]] = TTLCache(
            SIZE, STALE_S, timer=clock
        )

    def get(self, key: K) -> V | None:
        """What is known of `key`, at most 5 s old, or 60 s while the database is away."""
        known = self._remembered(key)
        if known and self._is_fresh(known):
            return known[1]
        try:
            return self.reload(key)
        except StorageUnavailable:
            if known is None:
                raise
            return known[1]

    def fresh(self, key: K) -> V | None:
        """What is known of `key` without asking anybody, at most 5 s old."""
        known = self._remembered(key)
        return known[1] if known and self._is_fresh(known) else None

    def reload(self, key: K) -> V | None:
        """What the database says of `key` now."""
        asked_at = self._clock()
        value = self._load(key)
        with self._lock:
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = (asked_at, value)
        return value

    def clear(self) -> None:
        """Forget everything: something was changed."""
        with self._lock:
            self._entries.clear()

    def _remembered(self, key: K) -> tuple[float, V] | None:
        with self._lock:
            return self._entries.get(key)

    def _is_fresh(self, known: tuple[float, V]) -> bool:
        return self._clock() < known[0] + FRESH_S
