"""Counting in this process: requests and tokens per window, and what runs at the moment.

A window begins with its first charge and ends `span_s` later, when all of it is free again.
It is a store of the `limits` package (5.8), whose own `memory://` starts a thread every 10 ms of
traffic that walks over every key. `redis_counters` does the same for several workers.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from limits.storage import Storage

MAX_KEYS = 50_000
SWEEP_FROM = 1024
SCHEME = "llmwrap"


class Window(NamedTuple):
    """A charge of `cost` on the count `key`, which may not pass `amount`."""

    key: str
    amount: int
    span_s: int
    cost: int = 1


class Slot(NamedTuple):
    """A place among the `most` that run at once under `key`, given back by its `holder`.

    After `ttl_s` it is free without that, if its holder died.
    """

    key: str
    most: int
    holder: str
    ttl_s: int


class Count(NamedTuple):
    """Where a window stands: its count, Unix seconds of its end, and how long that is away."""

    total: int
    ends: float
    left_s: float


class Verdict(NamedTuple):
    """Whether all was charged, or nothing; `counts` are as they stand after that."""

    admitted: bool
    counts: tuple[Count, ...]


class Settlement(NamedTuple):
    """`more` (or less) on a window that ended at `ends` when it was charged.

    What is less counts only in that very window; what is more, in the one that runs now.
    """

    key: str
    ends: float
    span_s: int
    more: int


class _Kept:
    """A window that runs."""

    __slots__ = ("ends", "total")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.total = 0


class MemoryCounters(Storage):
    """Counts of one process; safe to share, the lock guards them. `clock`: Unix seconds."""

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - a list is what the registry wants

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,  # noqa: FBT001, FBT002 - as in the base class
        *,
        clock: Callable[[], float] = time.time,
        max_keys: int = MAX_KEYS,
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._running: dict[str, set[str]] = {}
        self._max_keys = max_keys
        self._sweep_at = SWEEP_FROM

    def admit(self, windows: Sequence[Window], slot: Slot | None = None) -> Verdict:
        """Charge every window and take the slot, or change nothing."""
        with self._lock:
            now = self._clock()
            admitted = slot is None or self._has_room(slot)
            found = []
            for window in windows:
                kept = self._kept.get(window.key)
                if kept is None or kept.ends <= now:
                    kept = _Kept(now + window.span_s)
                found.append(kept)
                admitted &= kept.total + window.cost <= window.amount
            if admitted:
                for kept, window in zip(found, windows, strict=True):
                    if not kept.total:
                        self._keep(window.key, kept, now)
                    kept.total += window.cost
                if slot:
                    self._running.setdefault(slot.key, set()).add(slot.holder)
            counts = [Count(each.total, each.ends, each.ends - now) for each in found]
        return Verdict(admitted, tuple(counts))

    def settle(
        self, settlements: Sequence[Settlement], slot: Slot | None = None
    ) -> None:
        """Correct what was charged, and give the slot back."""
        with self._lock:
            now = self._clock()
            for each in settlements:
                kept = self._kept.get(each.key)
                if each.more > 0:
                    self._begun(each.key, each.span_s, now).total += each.more
                elif kept and kept.ends == each.ends:
                    kept.total = max(0, kept.total + each.more)
            if slot and slot.key in self._running:
                self._running[slot.key].discard(slot.holder)
                if not self._running[slot.key]:
                    del self._running[slot.key]

    def _has_room(self, slot: Slot) -> bool:
        return len(self._running.get(slot.key, ())) < slot.most

    def _begun(self, key: str, span_s: int, now: float) -> _Kept:
        """The window that runs, or one that begins now."""
        kept = self._kept.get(key)
        if kept is None or kept.ends <= now:
            kept = _Kept(now + span_s)
            self._keep(key, kept, now)
        return kept

    def _keep(self, key: str, kept: _Kept, now: float) -> None:
        if len(self._kept) >= self._sweep_at:
            self._sweep(now)
        self._kept.pop(key, None)  # so that the last ones began last
        self._kept[key] = kept

    def _sweep(self, now: float) -> None:
        """Forget what has ended, and of too many that run the half that began first."""
        running = [item for item in self._kept.items() if item[1].ends > now]
        if len(running) >= self._max_keys:
            running = running[self._max_keys // 2 :]
        self._kept = dict(running)
        self._sweep_at = min(self._max_keys, max(SWEEP_FROM, 2 * len(running)))

    # What the strategy `fixed-window` of `limits` calls.

    @property
    def base_exceptions(self) -> type[Exception]:
        """What `limits` would wrap; nothing here goes wrong."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Charge without asking; the count after that."""
        with self._lock:
            kept = self._begun(key, expiry, self._clock())
            kept.total += amount
            return kept.total

    def get(self, key: str) -> int:
        """The count, 0 when no window runs."""
        with self._lock:
            kept = self._kept.get(key)
            return kept.total if kept and kept.ends > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """Unix seconds of the window's end; now when none runs."""
        with self._lock:
            now = self._clock()
            kept = self._kept.get(key)
            return max(now, kept.ends) if kept else now

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int:
        """Forget everything; how many windows there were."""
        with self._lock:
            count = len(self._kept)
            self._kept.clear()
            self._running.clear()
            return count

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._kept.pop(key, None)
