"""Where a caller's limits stand, and how an answer says so in its headers and its 429.

OpenAI's names (`x-ratelimit-limit-requests`, platform documentation of 2026-11) and the older
`X-RateLimit-Limit` of Flask-Limiter, whose reset is in Unix seconds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from llmwrap.auth.counters import Count
from llmwrap.auth.rates import Rate
from llmwrap.errors import ConcurrencyLimited, RateLimited, TokensLimited

Headers = tuple[tuple[str, str], ...]

PATIENCE_S = 60
"""Clients wait for so long by themselves; after a longer one a retry would come too early."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit of a caller, and its count after a request that wanted `cost` of it."""

    rate: Rate
    count: Count
    cost: int

    @property
    def remaining(self) -> int:
        return max(0, self.rate.amount - self.count.total)

    @property
    def spent(self) -> bool:
        """Whether `cost` did not fit, provided that it was not charged."""
        return self.count.total + self.cost > self.rate.amount


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request may go on, and what its caller has left.

    `tokens` is None where tokens are not limited; `most` how many requests may run at once.
    `degraded`: the store of all workers is gone, and these are one worker's own counts.
    """

    admitted: bool
    requests: tuple[Allowance, ...]
    tokens: Allowance | None = None
    most: int = 0
    degraded: bool = False

    def refusal(self) -> RateLimited:
        """The 429 of a request that was not admitted; says when it would be."""
        every = (*self.requests, self.tokens) if self.tokens else self.requests
        spent = [each for each in every if each.spent]
        if not spent:
            return ConcurrencyLimited(
                f"{self.most} requests are running, and that is the limit",
                retry_after_s=1,
                headers=(("x-should-retry", "true"),),
            )
        longest = max(spent, key=lambda each: each.count.left_s)
        wait_s = max(1, math.ceil(longest.count.left_s))
        what, kind = "requests", RateLimited
        if longest is self.tokens:
            what, kind = "tokens", TokensLimited
        retry = "true" if wait_s <= PATIENCE_S else "false"
        return kind(
            f"the limit of {longest.rate.words} ({what}) is reached; free again in"
            f" {wait_s} s",
            retry_after_s=wait_s,
            headers=(("x-should-retry", retry),),
        )

    def headers(self) -> Iterator[tuple[str, str]]:
        """What every answer says of its caller's limits."""
        if self.requests:
            nearest = min(self.requests, key=lambda each: each.remaining)
            yield "X-RateLimit-Limit", str(nearest.rate.amount)
            yield "X-RateLimit-Remaining", str(nearest.remaining)
            yield "X-RateLimit-Reset", str(math.ceil(nearest.count.ends))
            yield from _openai(nearest, "requests")
        if self.tokens:
            yield from _openai(self.tokens, "tokens")
        if self.degraded:
            yield "X-RateLimit-Degraded", "1"


def _openai(allowance: Allowance, what: str) -> Headers:
    return (
        (f"x-ratelimit-limit-{what}", str(allowance.rate.amount)),
        (f"x-ratelimit-remaining-{what}", str(allowance.remaining)),
        (f"x-ratelimit-reset-{what}", duration(allowance.count.left_s)),
    )


def duration(seconds: float) -> str:
    """Whole seconds as OpenAI writes them: `59s`, `6m0s`, `1h0m0s`."""
    minutes, rest = divmod(max(0, math.ceil(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
