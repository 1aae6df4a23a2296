"""Which upstream a request is sent to next, and whether it is sent again at all.

Never the same upstream twice, at most three in all, within the pool's budget and only where the
rules say so. Notes each attempt on the Exchange, and tells the pool how it ended.
"""

import hashlib
import math
from collections.abc import Collection

from llmwrap.errors import (
    GatewayError,
    NoHealthyUpstream,
    UpstreamAuthFailed,
    UpstreamCrashed,
    UpstreamModelMissing,
)
from llmwrap.exchange import Attempt, Exchange
from llmwrap.routing import Route
from llmwrap.upstreams.affinity import by_affinity
from llmwrap.upstreams.pool import Ending, Lease
from llmwrap.upstreams.rules import MAX_ATTEMPTS, rule_of
from llmwrap.upstreams.upstream import Upstream
from llmwrap.upstreams.waiting import Ticket

ABSENT_S = 60.0
"""How long an upstream that said it has not got a model is not asked for it."""


class Attempts:
    """The attempts of one request's calls, one at a time.

    `body` is what the call says. The calls of one request keep one slot, each has attempts of
    its own.
    """

    def __init__(self, route: Route, exchange: Exchange, body: bytes) -> None:
        self._pool = route.pool
        self._model = route.upstream_model
        self._exchange = exchange
        self._body = body
        self._upstreams = route.upstreams
        self._tried: set[Upstream] = set()
        self._count = 0
        self._lease: Lease | None = None
        self._attempt: Attempt | None = None
        self._ticket: Ticket[Lease] | None = None
        self._queued_at = 0.0

    def prefer(self, key: bytes) -> None:
        """Ask the upstreams in the order of `key`'s preference."""
        self._upstreams = by_affinity(self._upstreams, key)

    def begin(self, now: float, deadline: float) -> Upstream | None:
        """Begin an attempt; None when every upstream that could serve is full.

        NoHealthyUpstream when none could, UpstreamCrashed for a request that broke two.
        """
        if not self._tried and not self._pool.begin_request(self._key(), now):
            raise _poisoned()
        lease = self._pool.lease(self._upstreams, self._tried, now, deadline)
        return self.take(lease, now) if lease else None

    def again(self, now: float, deadline: float) -> Upstream | None:
        """Begin another attempt after `fail`; None when no other upstream has room, or no time."""
        if now >= deadline:
            return None
        try:
            return self.begin(now, deadline)
        except NoHealthyUpstream:
            return None

    def wait(self, now: float, deadline: float) -> Ticket[Lease]:
        """Queue up for a slot; Overloaded when the queue is full."""
        who = self._exchange.user_id
        self._ticket = self._pool.wait(self._upstreams, who, now, deadline)
        self._queued_at = now
        return self._ticket

    @property
    def waiting(self) -> bool:
        """Whether the turn for a slot has yet to come."""
        return self._ticket is not None

    def returns_at(self, now: float) -> float:
        """When, while it waits, an upstream may be asked that must not be now; else infinite."""
        return self._pool.returns_at(self._upstreams, now) if self._ticket else math.inf

    def offer(self, now: float) -> None:
        """While it waits: slots of who may be asked again go to those who wait, in turn."""
        if self._ticket:
            self._pool.offer(self._upstreams, now)

    def granted(self, now: float) -> Upstream | None:
        """Begin an attempt if the turn has come; raises why it never will."""
        ticket = self._ticket
        if ticket and ticket.refusal:
            raise ticket.refusal
        if ticket is None or ticket.lease is None:
            return None
        self._ticket = None
        self._exchange.queued_s = now - self._queued_at
        return self.take(ticket.lease, now)

    def leave_queue(self, now: float) -> None:
        """Wait no longer, if it did."""
        ticket, self._ticket = self._ticket, None
        if ticket:
            self._exchange.queued_s = now - self._queued_at
            self._pool.give_up(ticket, now)

    def take(self, lease: Lease, now: float) -> Upstream:
        """Begin an attempt with `lease`."""
        self._lease = lease
        self._note(lease.upstream, now)
        if self._pool.affine:
            preferred = lease.upstream is self._upstreams[0]
            self._exchange.affinity = "hit" if preferred else "spill"
        return lease.upstream

    def follow(self, now: float, body: bytes) -> Upstream:
        """Begin the next call where the one before was answered."""
        assert self._attempt
        assert self._lease
        self._attempt.close(now)
        self._body = body
        self._tried.clear()
        self._count = 0
        self._note(self._lease.upstream, now)
        return self._lease.upstream

    def repeat(self, now: float, error: GatewayError, body: bytes) -> Upstream:
        """Make the call once more where it ended in `error`, which nobody is to blame for."""
        assert self._attempt
        assert self._lease
        self._attempt.close(now, error)
        self._body = body
        self._note(self._lease.upstream, now)
        return self._lease.upstream

    def forget(self) -> None:
        """Let go of what the call says: there will be no other attempt."""
        self._body = b""

    def narrow(self, upstreams: Collection[Upstream]) -> None:
        """From now on only these can be asked."""
        self._upstreams = tuple(each for each in self._upstreams if each in upstreams)

    def _note(self, upstream: Upstream, now: float) -> None:
        self._tried.add(upstream)
        self._count += 1
        self._attempt = Attempt(upstream.name, now)
        self._exchange.attempts.append(self._attempt)

    def opened(self, status: int, rest_s: float | None) -> None:
        """The answer's head is there."""
        assert self._attempt
        self._attempt.open(status, rest_s)

    def begun(self, now: float) -> None:
        """The client gets the first of the answer."""
        if self._lease:
            self._pool.begun(self._lease, now)

    def end(self, now: float, ending: Ending) -> None:
        """The attempt is over; only the first call counts."""
        if self._attempt and self._lease:
            asked_s = self._attempt.rest_s  # by the upstream; closing adds our default
            error = ending if isinstance(ending, GatewayError) else None
            if error:
                error.message = self._lease.upstream.without_key(error.message)
            self._attempt.close(now, error)
            self._lease.release(now, ending, asked_s)

    def fail(self, now: float, error: GatewayError) -> GatewayError | None:
        """The attempt failed before anything was given: what to answer, None to go on."""
        rule = rule_of(error)
        upstream = self._lease.upstream if self._lease else None
        if rule.crash and upstream and self._pool.crashed(self._hash(), upstream, now):
            if self._attempt:
                self._attempt.close(now, error)
            self.end(now, "left")  # the request is to blame, not the second upstream
            return _poisoned()
        self.end(now, error)
        if upstream:
            self._learn(upstream, error, now)
        if self._count > min(rule.retries, MAX_ATTEMPTS - 1):
            return error
        if self._tried.issuperset(self._upstreams) or not self._pool.may_retry():
            return error
        return None

    @property
    def _routed_everywhere(self) -> bool:
        """Whether a 404 can only be about the model: every server has these operations."""
        return self._exchange.operation in ("chat", "embeddings")

    def _learn(self, upstream: Upstream, error: GatewayError, now: float) -> None:
        """What an error says about other upstreams, or other requests."""
        if isinstance(error, UpstreamModelMissing) and self._routed_everywhere:
            upstream.lacks(self._model, now + ABSENT_S)
        elif isinstance(error, UpstreamAuthFailed):
            # Whoever is called with the same key would refuse it too.
            same = upstream.credentials
            self._tried.update(
                each for each in self._upstreams if each.credentials == same
            )

    def _key(self) -> bytes:
        """What the poison guard knows the request by; hashed only while it suspects any."""
        return self._hash() if self._pool.suspicious else b""

    def _hash(self) -> bytes:
        return hashlib.sha256(self._body).digest()


def _poisoned() -> UpstreamCrashed:
    return UpstreamCrashed(
        "this request broke two upstreams; it is not passed on for a minute"
    )
