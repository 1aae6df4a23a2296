"""Guessing made slow: failed password checks per name and per address, guests per address.

Only what failed counts, and only a checked password can fail: malformed requests, tokens and API
keys do not. A name that is throttled stays so from every address, with the right password too;
other names at the same address are served. An address is charged before its password is checked,
and gets back what was right: so many guesses at once are no more than so many in a row.
"""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.strategies import RateLimiter

from llmwrap.auth.circuit import Circuit, StoreGone
from llmwrap.auth.counters import MemoryCounters, Settlement, Window
from llmwrap.auth.rates import network_of
from llmwrap.auth.redis_counters import RedisCounters
from llmwrap.errors import BackendUnavailable, RateLimited

FAILURES_OF_NAME = RateLimitItemPerSecond(15, 180)
FAILURES_OF_ADDRESS = RateLimitItemPerMinute(100)
GUESTS_OF_ADDRESS = RateLimitItemPerMinute(20)
MAX_CLOSED = 10_000
"""Names and addresses that a worker knows to be throttled."""

_FAILED = "too many failed sign-ins"

Result = TypeVar("Result")


class Attempt(NamedTuple):
    """One try to get in with a password: by which name, from which address."""

    name: str
    address: str


class Charge(NamedTuple):
    """An attempt that was charged to its address, and how that is undone."""

    attempt: Attempt
    undo: Settlement


class LoginThrottle:
    """Counts for the doors that ask for no credential; safe to share, the lock guards a table.

    It is closed while the store of all workers is gone: every method but `recall` and
    `give_back` raises BackendUnavailable then. `limiter` and `counters` count in one store,
    `clock` is that of the store, Unix seconds.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        counters: MemoryCounters | RedisCounters,
        circuit: Circuit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limiter = limiter
        self._counters = counters
        self._circuit = circuit
        self._clock = clock
        self._lock = threading.Lock()
        self._closed: dict[str, float] = {}

    def recall(self, name: str, address: str) -> None:
        """`check` by what this worker knows without asking: for who was let in a moment ago."""
        now = self._clock()
        for _, key in _failures(name, address):
            until = self._closed.get(key, 0.0)
            if until > now:
                raise self._refusal(_FAILED, until)

    def check(self, name: str, address: str) -> None:
        """RateLimited after too many that failed; changes nothing, for who has yet to wait."""
        for item, key in _failures(name, address):
            self._check(item, key)

    def begin(self, name: str, address: str) -> Charge:
        """Call before a password is checked, and one of the next two after that.

        Charges the address. RateLimited after too many that failed.
        """
        of_name, (item, key) = _failures(name, address)
        self._check(*of_name)
        span_s = item.get_expiry()
        window = Window(item.key_for(key), item.amount, span_s)
        admitted, (count,) = self._ask(partial(self._counters.admit, [window]))
        if not admitted:
            raise self._refusal(_FAILED, count.ends)
        undo = Settlement(window.key, count.ends, span_s, -1)
        return Charge(Attempt(name, address), undo)

    def give_back(self, charge: Charge) -> None:
        """Note that the password was right; lost when the store is gone, and soon forgotten."""
        with suppress(StoreGone):
            self._circuit.call(partial(self._counters.settle, [charge.undo]))

    def failed(self, charge: Charge) -> None:
        """Note that the password is wrong, or that nobody has this name."""
        of_name, of_address = _failures(*charge.attempt)
        self._ask(partial(self._limiter.hit, *of_name))
        for item, key in (of_name, of_address):
            self._closed_until(item, key)

    def guest_allowed(self, address: str) -> None:
        """Note a new guest; RateLimited when there were too many from that address."""
        key = f"guests:{network_of(address)}"
        if not self._ask(partial(self._limiter.hit, GUESTS_OF_ADDRESS, key)):
            until = self._ends(GUESTS_OF_ADDRESS, key)
            raise self._refusal("too many new guests", until)

    def _check(self, item: RateLimitItem, key: str) -> None:
        until = self._closed_until(item, key)
        if until:
            raise self._refusal(_FAILED, until)

    def _closed_until(self, item: RateLimitItem, key: str) -> float:
        """Unix seconds, 0 for what is open; remembered for `recall`."""
        if self._ask(partial(self._limiter.test, item, key)):
            return 0.0
        until = self._ends(item, key)
        with self._lock:
            if len(self._closed) >= MAX_CLOSED:
                self._closed.clear()
            self._closed[key] = until
        return until

    def _ends(self, item: RateLimitItem, key: str) -> float:
        stats = self._ask(partial(self._limiter.get_window_stats, item, key))
        return stats.reset_time

    def _ask(self, work: Callable[[], Result]) -> Result:
        try:
            return self._circuit.call(work)
        except StoreGone as error:
            raise BackendUnavailable(
                "sign-ins are not possible at the moment", retry_after_s=1
            ) from error

    def _refusal(self, what: str, until: float) -> RateLimited:
        wait_s = max(1, math.ceil(until - self._clock()))
        return RateLimited(f"{what}; come again in {wait_s} s", retry_after_s=wait_s)


def _failures(name: str, address: str) -> tuple[tuple[RateLimitItem, str], ...]:
    """What a failure counts for; a name may be long and anything, so its hash stands for it."""
    folded = name.casefold().encode("utf-8", "surrogatepass")
    hashed = hashlib.sha256(folded).hexdigest()[:32]
    return (
        (FAILURES_OF_NAME, f"name:{hashed}"),
        (FAILURES_OF_ADDRESS, f"logins:{network_of(address)}"),
    )
