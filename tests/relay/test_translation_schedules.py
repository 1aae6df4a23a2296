"""Whatever happens to a request of several calls: it ends once, and holds nothing after that."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from llmwrap import errors
from llmwrap.canonical.events import Usage
from llmwrap.relay.steps import Finish, Open, Step
from tests.relay.two_dialects import (
    JSON,
    NDJSON,
    USER,
    Bench,
    done,
    line,
    make_pool,
    ollama,
    openai,
)

CALLS = 3
MOVES = ("served", "served", "broken", "refused", "failing", "cut", "later", "gone")
BUSY = errors.UpstreamUnreachable("nobody is there")
DRAINING = errors.Draining("this server is about to stop")


class Run:
    """One request, driven by the names of what happens to it."""

    def __init__(self, bench: Bench, *, stream: bool) -> None:
        self.bench = bench
        self.stream = stream
        self.ends = 0
        self.asked: list[Counter[str]] = [Counter()]
        self.step: Step = bench.start()
        self.take(self.step)

    @property
    def over(self) -> bool:
        return self.ends > 0 or self.bench.relay.ended

    def take(self, step: Step) -> None:
        self.step = step
        if isinstance(step, Open):
            if step.served:
                self.asked.append(Counter())
            self.asked[-1][step.upstream.name] += 1
        if isinstance(step, Finish):
            self.ends += 1

    def move(self, name: str) -> None:
        bench = self.bench
        kind = NDJSON if self.stream else JSON
        answer = line({"content": "a"}) if self.stream else b""
        if name == "served":
            self.take(bench.answered(kind, answer + done(eval_count=1)))
        elif name == "cut":
            self.take(bench.opened(kind))
            self.take(bench.feed(answer))
            if not self.over:
                self.take(bench.eof())
        elif name == "refused":
            self.take(bench.answered(JSON, b'{"error":"no"}', 400))
        elif name == "failing":
            self.take(bench.answered(JSON, b'{"error":"oops"}', 500))
        elif name == "broken":
            self.take(bench.failed(BUSY))
        elif name == "later":
            bench.now += 40
            self.take(bench.relay.tick(bench.now))
        else:
            self.take(bench.relay.interrupt(bench.now, DRAINING))


@given(st.lists(st.sampled_from(MOVES), max_size=12), st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_ends_once_and_holds_nothing(moves: list[str], stream: bool) -> None:
    pool = make_pool(ollama(), ollama("o1"), openai(), ollama("o2"))
    body = {"messages": [USER], "n": CALLS, "stream": stream}
    bench = Bench(pool, "openai", "/chat/completions", body)
    run = Run(bench, stream=stream)
    for name in moves:
        if run.over:
            break
        assert sum(bench.in_flight) == 1
        run.move(name)
    bench.relay.close(bench.now)
    assert bench.in_flight == [0, 0, 0, 0]
    assert run.ends <= 1
    for asked in run.asked:
        assert sum(asked.values()) <= 3
        assert set(asked.values()) == {1}
    if bench.exchange.outcome == "ok":
        assert len(bench.exchange.finish_reasons) == CALLS
        assert bench.exchange.usage == Usage(0, CALLS)
