"""Interchangeable upstreams that serve one model family, the slots on them, and their health."""

import logging
import math
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from llmwrap.errors import GatewayError, NoHealthyUpstream, Overloaded
from llmwrap.settings.values import PoolSettings
from llmwrap.upstreams.budget import RetryBudget
from llmwrap.upstreams.poison import PoisonGuard
from llmwrap.upstreams.policies import POLICIES
from llmwrap.upstreams.rules import rule_of
from llmwrap.upstreams.upstream import Upstream
from llmwrap.upstreams.waiting import Ticket, WaitingRoom

log = logging.getLogger(__name__)

Ending = GatewayError | Literal["served", "left"]
"""How an attempt ended: its error, a whole answer, or for a reason that is not the upstream's."""

_LEAST_RETRY_AFTER_S = 1.0

HOPE_S = 2.0
"""An upstream that returns so soon is worth waiting for (where the queue is that long)."""


class Lease:
    """One held slot on one upstream; the holder releases it, once or more often."""

    __slots__ = ("_pool", "attempt", "upstream")

    def __init__(self, upstream: Upstream, pool: "Pool", attempt: int) -> None:
        self.upstream = upstream
        self.attempt = attempt
        self._pool: Pool | None = pool

    def release(
        self, now: float, ending: Ending = "left", rest_s: float | None = None
    ) -> None:
        """Give the slot back, telling how it went; idempotent.

        `rest_s` is how long the upstream itself asked to be left alone.
        """
        pool, self._pool = self._pool, None
        if pool:
            pool.settle(self, now, ending, rest_s)


class Pool:
    """Hands out leases. Thread-safe: one lock guards the counts, the health and the queue."""

    def __init__(self, settings: PoolSettings, upstreams: tuple[Upstream, ...]) -> None:
        self.settings = settings
        self.name = settings.name
        self.kind = settings.kind
        self.patterns = settings.models
        self.aliases = settings.aliases
        self.default_model = settings.default_model
        self.rescue = settings.rescue
        self.inject_defaults = settings.inject_defaults
        self.owned_by = settings.owned_by or upstreams[0].dialect.owned_by
        self.upstreams = upstreams
        self.tagged_names = any(each.dialect.tagged_names for each in upstreams)
        self.affine = settings.policy == "affinity"
        self._choose = POLICIES[settings.policy]
        self._budget = RetryBudget()
        self._poison = PoisonGuard()
        self._waiting: WaitingRoom[Lease] = WaitingRoom()
        self._lock = threading.Lock()
        self._turn = 0

    def target_of(self, model: str) -> str | None:
        """What the upstreams call `model`: an alias's target, or a name of the family.

        None for a name that is neither: an alias's target is not public by being one.
        """
        target = self.aliases.get(model)
        if target is None and self.matches(model):
            return model
        return target

    def matches(self, model: str) -> bool:
        """Whether `model` is of this pool's family, by its patterns (case counts)."""
        return any(fnmatchcase(model, pattern) for pattern in self.patterns)

    def lease(
        self,
        serving: Sequence[Upstream],
        tried: Collection[Upstream],
        now: float,
        deadline: float,
    ) -> Lease | None:
        """A slot on one of `serving` that was not `tried`; None when all that could are full.

        NoHealthyUpstream when none could, with the time when one returns. `deadline` is when
        the attempt will be over at the latest.
        """
        with self._lock:
            fit = [
                each for each in serving if each not in tried and each.available(now)
            ]
            if not fit:
                raise self._none_left(serving, now)
            free = [each for each in fit if not each.full]
            if not tried:
                free = [each for each in free if not self._waiting.wants(each)]
            if not free:
                return None
            self._turn += 1
            return self._take(self._choose(free, self._turn - 1), now, deadline)

    def wait(
        self, serving: Sequence[Upstream], principal: str, now: float, deadline: float
    ) -> Ticket[Lease]:
        """A place in the queue for the next free slot; Overloaded when the queue is full.

        Full, whoever has most in it gives way to who has fewer. Slots that came free meanwhile
        (by a release, or after a rest) go to whose turn it is.
        """
        ticket: Ticket[Lease] = Ticket(principal, frozenset(serving), deadline)
        over: list[Ticket[Lease]] = []
        with self._lock:
            if self._waiting.full:
                evicted = self._waiting.make_room(principal)
                if evicted is None:
                    raise _crowded()
                evicted.refusal = _crowded()
                over.append(evicted)
            self._waiting.enter(ticket)
            over += [each for one in serving for each in self._hand_out(one, now)]
        _announce(over)
        return ticket

    def offer(self, upstreams: Iterable[Upstream], now: float) -> None:
        """Give what slots they have to those who wait; for who may be asked again by now."""
        with self._lock:
            granted = [each for one in upstreams for each in self._hand_out(one, now)]
        _announce(granted)

    def returns_at(self, serving: Iterable[Upstream], now: float) -> float:
        """When the next of `serving` that must not be asked now may be; infinite if none."""
        back = _returns(serving, now)
        return min((at for at in back if at > now), default=math.inf)

    def give_up(self, ticket: Ticket[Lease], now: float) -> None:
        """Leave the queue; a slot that was granted meanwhile goes back."""
        with self._lock:
            self._waiting.leave(ticket)
        if ticket.lease:
            ticket.lease.release(now)

    def begin_request(self, request: bytes, now: float) -> bool:
        """A first attempt is about to be made; False when `request` (a hash) is poison."""
        with self._lock:
            self._budget.request()
            return not self._poison.refuses(request, now)

    @property
    def suspicious(self) -> bool:
        """Whether any request is suspected of killing upstreams, so that hashes matter."""
        return bool(self._poison)

    def may_retry(self) -> bool:
        """Take one retry out of the pool's budget; False when it is spent."""
        with self._lock:
            return self._budget.retry()

    def crashed(self, request: bytes, upstream: Upstream, now: float) -> bool:
        """`upstream` broke on `request` (a hash): whether that is one too many."""
        with self._lock:
            return self._poison.crashed(request, upstream.name, now)

    def passed_check(self, upstream: Upstream, now: float) -> None:
        """`upstream` answered a call that generates nothing: that earns it a probe."""
        with self._lock:
            upstream.health.passed_check(now)

    def settle(
        self, lease: Lease, now: float, ending: Ending, rest_s: float | None
    ) -> None:
        """Take a slot back and note how the attempt ended; called by the lease."""
        upstream = lease.upstream
        with self._lock:
            upstream.in_flight -= 1
            self._judge(lease, now, ending, rest_s)
            over = self._hand_out(upstream, now)
            if self._waiting and not upstream.available(now):
                over += self._refuse_hopeless(now)
        _announce(over)

    def begun(self, lease: Lease, now: float) -> None:
        """An answer has begun: a probe that long has proved what it can."""
        if lease.upstream.health.state(now) != "closed":
            with self._lock:
                lease.upstream.health.succeed(now, lease.attempt)

    def _refuse_hopeless(self, now: float) -> list[Ticket[Lease]]:
        """Who can be served by nobody in time is told at once."""

        def hopeful(upstream: Upstream) -> bool:
            return not upstream.draining and upstream.health.returns_at(now) <= soon

        soon = now + HOPE_S
        hopeless = self._waiting.take_hopeless(hopeful)
        for each in hopeless:
            each.refusal = self._none_left(tuple(each.serving), now)
        return hopeless

    def _hand_out(self, upstream: Upstream, now: float) -> list[Ticket[Lease]]:
        """Give the free slots of `upstream` to those who wait for it; they are not told yet."""
        granted: list[Ticket[Lease]] = []
        while upstream.available(now) and not upstream.full:
            ticket = self._waiting.next_for(upstream)
            if ticket is None:
                break
            ticket.lease = self._take(upstream, now, ticket.deadline)
            granted.append(ticket)
        return granted

    def _judge(
        self, lease: Lease, now: float, ending: Ending, rest_s: float | None
    ) -> None:
        upstream, health = lease.upstream, lease.upstream.health
        if ending == "served":
            health.succeed(now, lease.attempt)
            return
        if ending == "left":
            health.leave(lease.attempt)
            return
        rule = rule_of(ending)
        if rule.rest_s and (rest_s or len(self.upstreams) > 1):
            health.rest(now + (rest_s or rule.rest_s))
        if not rule.counts:
            health.leave(lease.attempt)
        elif health.fail(now, lease.attempt) and self._may_eject(upstream, now):
            health.eject(now, check_mends=rule.listing_mends)
            upstream.ask_soon.set()
            log.warning(
                "upstream_ejected",
                extra={"upstream": upstream.name, "error": ending.code},
            )

    def _may_eject(self, upstream: Upstream, now: float) -> bool:
        """At most half of the pool is out at a time, and never the last."""
        out = sum(
            each.health.state(now) != "closed"
            for each in self.upstreams
            if each is not upstream
        )
        return 2 * (out + 1) <= len(self.upstreams)

    def _take(self, upstream: Upstream, now: float, deadline: float) -> Lease:
        upstream.in_flight += 1
        return Lease(upstream, self, upstream.health.begin(now, deadline))

    def _none_left(self, serving: Sequence[Upstream], now: float) -> NoHealthyUpstream:
        at = min(_returns(serving, now), default=now)
        return NoHealthyUpstream(
            "no upstream can take this request now",
            retry_after_s=max(at - now, _LEAST_RETRY_AFTER_S),
        )


def _returns(serving: Iterable[Upstream], now: float) -> Iterator[float]:
    """When each may be asked again that is not being taken out."""
    return (each.health.returns_at(now) for each in serving if not each.draining)


def _crowded() -> Overloaded:
    return Overloaded("too many requests are waiting", retry_after_s=1)


def _announce(tickets: Iterable[Ticket[Lease]]) -> None:
    """Tell those whose wait is over; not under the lock, for they may call the pool."""
    for each in tickets:
        each.announce()
