"""Whether an upstream may be asked: ejected after failures, brought back by probes, resting.

    closed --5 in a row, or half of at least 20 in 30 s--> ejected (30 s x times, at most 300 s)
    ejected --time is up, or a check that proves it--> half-open: one probe at a time
    half-open --2 successes--> closed         half-open --1 failure--> ejected, once more often

The figures are Envoy's and AWS's customs (2026-11). Per process: each worker learns by itself.
Not thread-safe: the pool's lock guards it. Times are monotonic seconds.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import Literal

FAILURES_IN_A_ROW = 5
WINDOW_S = 30.0
WINDOW_LEAST = 20
WINDOW_MOST = 1000
EJECTION_S = 30.0
EJECTION_MOST_S = 300.0
JITTER = 0.1
PROBES_TO_CLOSE = 2

State = Literal["closed", "ejected", "half_open"]


def random_jitter() -> float:
    """A factor from 0.9 to 1.1, so that not every worker probes at the same moment."""
    return random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


class Health:
    """What became of one upstream's attempts, and what follows for the next."""

    def __init__(self, jitter: Callable[[], float] = random_jitter) -> None:
        self._jitter = jitter
        self._recent: deque[tuple[float, bool]] = deque(maxlen=WINDOW_MOST)
        self._in_a_row = 0
        self._times_ejected = 0
        self._ejected_until: float | None = None
        self._check_mends = False
        self._begun = 0
        self._probe: int | None = None
        self._probe_until = 0.0
        self._probes_passed = 0
        self._resting_until = 0.0

    def state(self, now: float) -> State:
        """Where in the drawing above it is."""
        if self._ejected_until is None:
            return "closed"
        return "ejected" if now < self._ejected_until else "half_open"

    def available(self, now: float) -> bool:
        """Whether an attempt may begin now."""
        return now >= self.returns_at(now)

    def returns_at(self, now: float) -> float:
        """The earliest time for an attempt; in the past or now when it is available."""
        at = self._resting_until
        if self._ejected_until is not None:
            at = max(at, self._ejected_until)
            if self._probe is not None and now < self._probe_until:
                at = max(at, self._probe_until)
        return at

    def begin(self, now: float, deadline: float) -> int:
        """An attempt begins; its number. Half-open, it is the one probe until `deadline`."""
        self._begun += 1
        if self.state(now) == "half_open":
            self._probe, self._probe_until = self._begun, deadline
        return self._begun

    def succeed(self, now: float, attempt: int) -> None:
        """An attempt went well. One that began before the ejection is no probe."""
        self._note(now, failed=False)
        self._in_a_row = 0
        if self._end_probe(attempt):
            self._probes_passed += 1
            if self._probes_passed >= PROBES_TO_CLOSE:
                self._ejected_until = None
                self._times_ejected = 0
                self._recent.clear()

    def fail(self, now: float, attempt: int) -> bool:
        """An attempt failed by the upstream's fault; whether it is time for an ejection."""
        self._note(now, failed=True)
        self._in_a_row += 1
        if self._ejected_until is not None:
            return self._end_probe(attempt)
        return self._in_a_row >= FAILURES_IN_A_ROW or self._often_failed(now)

    def leave(self, attempt: int) -> None:
        """An attempt ended that says nothing about the upstream; another may be the probe."""
        self._end_probe(attempt)

    def eject(self, now: float, *, check_mends: bool = False) -> None:
        """Out, longer each time; `check_mends`: a passed check may end it before its time."""
        self._check_mends = check_mends
        self._times_ejected += 1
        seconds = min(EJECTION_S * self._times_ejected, EJECTION_MOST_S)
        self._ejected_until = now + seconds * self._jitter()
        self._probes_passed = 0
        self._in_a_row = 0

    def rest(self, until: float) -> None:
        """Leave it alone until then, without blame (it said when to come again)."""
        self._resting_until = max(self._resting_until, until)

    def passed_check(self, now: float) -> None:
        """An active check went well: where it proves anything, a probe, not trust."""
        if self._check_mends and self.state(now) == "ejected":
            self._ejected_until = now

    def _note(self, now: float, *, failed: bool) -> None:
        self._recent.append((now, failed))

    def _often_failed(self, now: float) -> bool:
        recent = [failed for at, failed in self._recent if now - at <= WINDOW_S]
        return len(recent) >= WINDOW_LEAST and 2 * sum(recent) >= len(recent)

    def _end_probe(self, attempt: int) -> bool:
        """Whether `attempt` was the probe, which is over then."""
        if self._probe != attempt:
            return False
        self._probe = None
        return True
