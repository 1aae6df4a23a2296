"""The guard against a request that kills model servers: two crashes, and nobody sees it again.

Engines have had many such requests (vLLM's structured outputs, 2025-26); without the guard a
failover would carry one through the whole pool. Bounded: the oldest suspects are forgotten.
Not thread-safe: the pool's lock guards it. Times are monotonic seconds.
"""

from collections import OrderedDict

REFUSED_S = 60.0
MOST_SUSPECTS = 1024


class PoisonGuard:
    """Which requests, by the hash of what was sent, were the last that an upstream saw."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[bytes, tuple[float, frozenset[str]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._suspects)

    def crashed(self, request: bytes, upstream: str, now: float) -> bool:
        """`upstream` broke on `request`; whether that makes it poison (two have broken)."""
        since, broken = self._suspects.pop(request, (now, frozenset[str]()))
        if now - since > REFUSED_S:
            broken = frozenset()
        self._suspects[request] = (now, broken | {upstream})
        if len(self._suspects) > MOST_SUSPECTS:
            self._suspects.popitem(last=False)
        return self.refuses(request, now)

    def refuses(self, request: bytes, now: float) -> bool:
        """Whether `request` broke two upstreams within the last minute."""
        since, broken = self._suspects.get(request, (0.0, frozenset[str]()))
        return len(broken) > 1 and now - since <= REFUSED_S
