"""Whose turn it is to hash a password: few at once, and no address keeps the others from it."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from llmwrap.auth.rates import network_of
from llmwrap.errors import RateLimited

MAX_HASHES_AT_ONCE = 2
MAX_WAITING = 6
"""With the hashes at work half of the default `server.threads`, who are held at most."""
MAX_WAIT_S = 0.25


class _Waiter:
    """One thread that waits until it is called: for its turn, or in vain."""

    __slots__ = ("address", "called", "may_go")

    def __init__(self, address: str) -> None:
        self.address = address
        self.called = threading.Event()
        self.may_go = False


class Turns:
    """Two turns at once, one of an address; safe to share, the lock guards both lists.

    An address is an IPv4 address or the /64 of an IPv6 one. `places` may wait, each for
    `wait_s`. When all are taken, a newcomer gets that of the last one of an address that
    has at least two more. The next turn goes to an address that has the fewest waiting.
    """

    def __init__(
        self, *, places: int = MAX_WAITING, wait_s: float = MAX_WAIT_S
    ) -> None:
        self._places = places
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._running: list[str] = []
        # No slot is free for any of them: they are called when one becomes free.
        self._waiting: list[_Waiter] = []

    @property
    def waiting(self) -> int:
        """How many wait at the moment."""
        return len(self._waiting)

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Hold a turn; RateLimited where there is no place to wait, or none came in time."""
        network = network_of(address)
        if not self._begin(network):
            raise _refusal()
        try:
            yield
        finally:
            self._end(network)

    def check(self, address: str) -> None:
        """RateLimited where `turn` would refuse at once; takes nothing."""
        network = network_of(address)
        with self._lock:
            if not self._is_free_for(network) and self._place_for(network) is None:
                raise _refusal()

    def _begin(self, address: str) -> bool:
        with self._lock:
            if self._is_free_for(address):
                self._running.append(address)
                return True
            place = self._place_for(address)
            if place is None:
                return False
            for each in place:
                self._call(each)
            waiter = _Waiter(address)
            self._waiting.append(waiter)
        waiter.called.wait(self._wait_s)
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            return waiter.may_go

    def _is_free_for(self, address: str) -> bool:
        return len(self._running) < MAX_HASHES_AT_ONCE and address not in self._running

    def _place_for(self, address: str) -> tuple[_Waiter, ...] | None:
        """Who must go so that it may wait, mostly nobody; None where it may not."""
        if len(self._waiting) < self._places:
            return ()
        crowd = self._crowd()
        greedy = max(crowd, key=crowd.__getitem__, default=address)
        if crowd[greedy] < crowd[address] + 2:
            return None
        last = next(each for each in reversed(self._waiting) if each.address == greedy)
        return (last,)

    def _end(self, address: str) -> None:
        with self._lock:
            self._running.remove(address)
            able = [each for each in self._waiting if each.address not in self._running]
            if able:
                crowd = self._crowd()
                chosen = min(able, key=lambda each: crowd[each.address])
                chosen.may_go = True
                self._running.append(chosen.address)
                self._call(chosen)

    def _call(self, waiter: _Waiter) -> None:
        self._waiting.remove(waiter)
        waiter.called.set()

    def _crowd(self) -> Counter[str]:
        return Counter(each.address for each in self._waiting)


def _refusal() -> RateLimited:
    return RateLimited("too many password checks at once", retry_after_s=1)
