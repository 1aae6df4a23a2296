"""Anything that can happen to some requests over one pool, and what must hold whatever does.

`choose` decides what happens next: a random generator for many schedules, Hypothesis for few
that it can make short.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llmwrap import errors
from llmwrap.relay.steps import Finish, Give, Open, Queue, Step
from llmwrap.settings.values import OLDER_DOCUMENTS, ServiceSettings
from llmwrap.upstreams.pool import Lease, Pool
from llmwrap.upstreams.waiting import Ticket
from tests.relay.bench import (
    DONE,
    JSON,
    ROLE,
    SSE,
    START,
    STOP,
    TEXT,
    WHOLE,
    Bench,
    make_pool,
)

Choose = Callable[[Sequence[Any]], Any]
Move = Callable[[], None]

FAILURES = (
    errors.UpstreamUnreachable("a"),
    errors.UpstreamDisconnected("b"),
    errors.UpstreamTimeout("c"),
    errors.UpstreamProtocolError("d"),
)
STATUSES = (*[200] * 14, 204, 302, 400, 401, 404, 408, 429, 500, 502, 503)
CONTENT_TYPES = (*[SSE] * 7, JSON, JSON, "text/html", "")
ERROR_EVENT = b'data: {"error":{"message":"boom"}}\n\n'
PIECES = (
    *[ROLE, TEXT, TEXT, STOP, DONE, WHOLE] * 2,
    ERROR_EVENT,
    TEXT[:30],
    b": c\n\n",
    b"junk\n\n",
)
TERMINAL_ERROR = b'data: {"error":'
DRAINING = errors.Draining("this server is about to stop")


class Driven:
    """One request as a driver may drive it; keeps what the client got."""

    def __init__(self, bench: Bench, choose: Choose, *, stream: bool) -> None:
        self.bench = bench
        self.stream = stream
        self.asked: list[str] = []
        self.given = b""
        self.gave = False
        self.state = "new"
        self.ticket: Ticket[Lease] | None = None
        self.timer = bench.now
        self._choose = choose
        self.take(bench.start())
        self.arm()

    def take(self, step: Step) -> None:
        """Do what the relay says, and hold it to its word."""
        if isinstance(step, Open):
            if self.bench.pool.rescue == "off":
                assert not self.gave
                assert not step.data
                assert self.bench.relay.head is None
            self.given += step.data
            assert step.upstream.name not in self.asked
            self.asked.append(step.upstream.name)
            assert len(self.asked) <= 3
            self.state = "opening"
        elif isinstance(step, Queue):
            assert self.asked == []
            self.ticket = step.ticket
            self.state = "queued"
        elif isinstance(step, Give | Finish):
            assert self.state not in ("finished", "left")
            assert self.bench.relay.head
            assert step.data or isinstance(step, Finish)
            self.gave = True
            self.given += step.data
            if isinstance(step, Finish):
                self.state = "finished"

    def arm(self) -> None:
        """Set the timer as a driver does; time is always limited."""
        if self.running:
            relay, now = self.bench.relay, self.bench.now
            self.timer = relay.wake_at(now)
            assert now < relay.deadline <= START + 4000
            assert now < self.timer <= relay.deadline

    def pass_to(self, now: float) -> None:
        """It is `now`: the timer fires if it is due."""
        self.bench.now = now
        if self.running and now >= self.timer:
            self.take(self.bench.relay.tick(now))
            self.arm()

    @property
    def running(self) -> bool:
        return self.state in ("queued", "opening", "reading")

    @property
    def holds(self) -> bool:
        """Whether it has a slot, be it one that it has not heard of yet."""
        if self.state == "queued":
            return bool(self.ticket and self.ticket.lease)
        return self.state in ("opening", "reading")

    def moves(self) -> list[Move]:
        """What may happen to it next."""
        if self.state == "opening":
            moves = [self.opens] * 6 + [self.breaks] * 2
        elif self.state == "reading":
            moves = [self.reads] * 8 + [self.ends] * 2 + [self.breaks]
        elif self.state == "queued":
            moves = [self.is_granted] * 4
        else:
            return [self.closes]
        moves += [self.leaves, self.is_interrupted]
        return moves

    def opens(self) -> None:
        self.state = "reading"
        status, content_type = self._choose(STATUSES), self._choose(CONTENT_TYPES)
        rest_s = self._choose((None, None, 3.0))
        self.take(self.bench.opened(status, content_type, rest_s))

    def reads(self) -> None:
        self.take(self.bench.feed(self._choose(PIECES)))

    def ends(self) -> None:
        self.take(self.bench.eof())

    def breaks(self) -> None:
        self.take(self.bench.failed(self._choose(FAILURES)))

    def is_granted(self) -> None:
        self.take(self.bench.granted())

    def is_interrupted(self) -> None:
        self.take(self.bench.relay.interrupt(self.bench.now, DRAINING))
        assert self.state == "finished"

    def leaves(self) -> None:
        self.state = "left"
        self.bench.close()
        assert self.bench.exchange.outcome == "client_abort"

    def closes(self) -> None:
        outcome = self.bench.exchange.outcome
        self.bench.close()
        assert self.bench.exchange.outcome == outcome

    def check(self) -> None:
        """At the end: the record is true, and the client got one ending at most."""
        exchange = self.bench.exchange
        assert [attempt.upstream for attempt in exchange.attempts] == self.asked
        assert all(attempt.seconds is not None for attempt in exchange.attempts)
        assert self.given.count(TERMINAL_ERROR) + self.given.count(DONE) <= 1
        if self.state == "finished":
            assert exchange.status == self.bench.status
            self._check_answer()
        else:
            assert exchange.outcome == "client_abort"
            assert DONE not in self.given

    def _check_answer(self) -> None:
        outcome = self.bench.exchange.outcome
        if self.bench.status != 200:
            assert outcome in ("refused", "failed")
            assert self.bench.exchange.error
        elif not self.stream:
            assert (outcome, self.given) == ("ok", WHOLE)
        elif outcome == "ok":
            assert self.given.endswith(DONE)
            assert TERMINAL_ERROR not in self.given
        else:
            assert outcome in ("upstream_abort", "gateway_timeout", "drained")
            last = self.given.rstrip(b"\n").rpartition(b"\n\n")[2]
            assert last.startswith(TERMINAL_ERROR)


class Schedule:
    """Up to six requests over up to three upstreams with one or two slots each."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        slots = choose((1, 1, 2))
        self.pool: Pool = make_pool(
            choose((1, 2, 3)),
            max_in_flight=slots,
            rescue=choose(("off", "off", "continue")),
        )
        self.now = START
        self.driven: list[Driven] = []
        self.comes()

    def run(self, moves: int) -> None:
        """Let `moves` things happen, then end what still runs."""
        for _ in range(moves):
            move = self._choose(self._moves())
            move()
            self._check_slots()
        for each in self.driven:
            if each.running:
                each.leaves()
            each.closes()
            each.closes()
            each.check()
        self._check_slots()
        self._check_room()

    def _moves(self) -> list[Move]:
        moves: list[Move] = [self.time_passes] * 2
        if len(self.driven) < 6:
            moves += [self.comes] * 2
        for each in self.driven:
            moves += each.moves()
        return moves

    def comes(self) -> None:
        """A further request."""
        stream = self._choose((True, True, False))
        service = self._choose((ServiceSettings(), OLDER_DOCUMENTS))
        bench = Bench(
            pool=self.pool,
            at=self.now - START,
            user=self._choose(("ann", "bob")),
            said=self._choose(("hi", "ho", "he")),
            stream=stream,
            service=service,
        )
        self.driven.append(Driven(bench, self._choose, stream=stream))

    def time_passes(self) -> None:
        self.now += self._choose((0.5, 0.5, 2, 5, 15, 29, 61))
        for each in self.driven:
            each.pass_to(self.now)

    def _check_slots(self) -> None:
        held = sum(each.holds for each in self.driven)
        assert sum(upstream.in_flight for upstream in self.pool.upstreams) == held

    def _check_room(self) -> None:
        """Nobody waits any more: every upstream would serve a newcomer, in an hour."""
        later = self.now + 3600
        for upstream in self.pool.upstreams:
            assert upstream.in_flight == 0
            assert self.pool.lease((upstream,), (), later, later)
