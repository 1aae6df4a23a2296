"""Random schedules of what can happen to one request: what must hold in all of them."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from llmwrap import errors
from llmwrap.relay import Finish, Give, Open, Step
from llmwrap.settings.values import OLDER_DOCUMENTS, ServiceSettings
from tests.relay.bench import DONE, JSON, ROLE, SSE, STOP, TEXT, WHOLE, Bench

FAILURES = (
    errors.UpstreamUnreachable("a"),
    errors.UpstreamDisconnected("b"),
    errors.UpstreamTimeout("c"),
    errors.UpstreamProtocolError("d"),
)
ERROR_EVENT = b'data: {"error":{"message":"boom"}}\n\n'
PIECES = (
    ROLE,
    TEXT,
    STOP,
    DONE,
    ERROR_EVENT,
    TEXT[:30],
    b": c\n\n",
    b"junk\n\n",
    WHOLE,
)
TERMINAL_ERROR = b'data: {"error":'


class Request(RuleBasedStateMachine):
    """Drives a relay as a driver may, and keeps what the client got."""

    @initialize(
        count=st.integers(1, 4),
        stream=st.booleans(),
        service=st.sampled_from([ServiceSettings(), OLDER_DOCUMENTS]),
    )
    def begin(self, count: int, stream: bool, service: ServiceSettings) -> None:
        self.bench = Bench(count, stream=stream, service=service)
        self.stream = stream
        self.asked: list[str] = []
        self.given = b""
        self.gave = False
        self.state = "waiting"
        self.take(self.bench.start())

    def take(self, step: Step) -> None:
        """Do what the relay says, and hold it to its word."""
        if isinstance(step, Open):
            assert not self.gave
            assert self.bench.relay.head is None
            assert step.upstream.name not in self.asked
            self.asked.append(step.upstream.name)
            assert len(self.asked) <= 3
            self.state = "opening"
        elif isinstance(step, Give | Finish):
            assert self.bench.relay.head
            assert step.data or isinstance(step, Finish)
            self.gave = True
            self.given += step.data
            if isinstance(step, Finish):
                self.state = "finished"

    @precondition(lambda self: self.state == "opening")
    @rule(
        status=st.sampled_from([200, 200, 200, 200, 204, 302, 400, 401, 429, 500, 503]),
        content_type=st.sampled_from([SSE, SSE, SSE, JSON, "text/html", ""]),
    )
    def opens(self, status: int, content_type: str) -> None:
        self.state = "reading"
        self.take(self.bench.opened(status, content_type))

    @precondition(lambda self: self.state == "reading")
    @rule(piece=st.sampled_from(PIECES))
    def reads(self, piece: bytes) -> None:
        self.take(self.bench.feed(piece))

    @precondition(lambda self: self.state == "reading")
    @rule()
    def ends(self) -> None:
        self.take(self.bench.eof())

    @precondition(lambda self: self.state in ("opening", "reading"))
    @rule(error=st.sampled_from(FAILURES))
    def breaks(self, error: errors.GatewayError) -> None:
        self.take(self.bench.relay.failed(self.bench.now, error))

    @precondition(lambda self: self.state in ("opening", "reading"))
    @rule(seconds=st.sampled_from([0.5, 5, 15, 29, 61]))
    def time_passes(self, seconds: float) -> None:
        self.bench.now += seconds
        self.take(self.bench.relay.tick(self.bench.now))

    @precondition(lambda self: self.state in ("opening", "reading"))
    @rule()
    def client_leaves(self) -> None:
        self.bench.relay.close(self.bench.now)
        assert self.bench.exchange.outcome == "client_abort"
        self.state = "left"

    @precondition(lambda self: self.state in ("finished", "left"))
    @rule()
    def driver_closes(self) -> None:
        outcome = self.bench.exchange.outcome
        self.bench.relay.close(self.bench.now)
        assert self.bench.exchange.outcome == outcome

    @invariant()
    def one_slot_is_held_while_it_runs_and_none_after(self) -> None:
        held = 1 if self.state in ("opening", "reading") else 0
        assert sum(self.bench.in_flight) == held

    @invariant()
    def time_is_always_limited(self) -> None:
        if self.state in ("opening", "reading"):
            assert self.bench.relay.wake_at <= self.bench.relay.deadline
            assert self.bench.now < self.bench.relay.deadline <= 1600.0

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        for _ in range(2):
            self.bench.relay.close(self.bench.now)
        exchange = self.bench.exchange
        assert self.bench.in_flight == [0] * len(self.bench.upstreams)
        assert [attempt.upstream for attempt in exchange.attempts] == self.asked
        assert all(attempt.seconds is not None for attempt in exchange.attempts)
        if self.state == "finished":
            assert exchange.status == self.bench.status
            self.check_end()
        else:
            assert exchange.outcome == "client_abort"

    def check_end(self) -> None:
        """A stream has one terminal event; the outcome says which."""
        outcome = self.bench.exchange.outcome
        if self.bench.status != 200:
            assert outcome in ("refused", "failed")
            assert self.bench.exchange.error
        elif not self.stream:
            assert (outcome, self.given) == ("ok", WHOLE)
        elif outcome == "ok":
            assert self.given.endswith(DONE)
            assert self.given.count(DONE) == 1
            assert TERMINAL_ERROR not in self.given
        else:
            assert outcome in ("upstream_abort", "gateway_timeout")
            assert self.given.count(TERMINAL_ERROR) == 1
            assert DONE not in self.given
            last = self.given.rstrip(b"\n").rpartition(b"\n\n")[2]
            assert last.startswith(TERMINAL_ERROR)


TestSchedules = Request.TestCase
TestSchedules.settings = settings(
    max_examples=300, stateful_step_count=25, deadline=None
)
