"""A stream that has begun does not keep what was asked, unless it may have to be asked anew."""

import gc
from types import FunctionType, ModuleType
from typing import Any

import pytest

from llmwrap.settings.values import UpstreamSettings
from tests.relay.bench import given
from tests.relay.two_dialects import (
    NDJSON,
    SSE,
    Bench,
    chunk,
    line,
    make_pool,
    ollama,
    openai,
)

PROMPT = "x" * 5000
LONG = len(PROMPT)
TURNS = {"messages": [{"role": "user", "content": PROMPT}], "stream": True}

WAYS = [
    ("openai", "/chat/completions", openai()),
    ("openai", "/chat/completions", ollama()),
    ("ollama", "/api/chat", ollama()),
    ("ollama", "/api/chat", openai()),
]
each_way = pytest.mark.parametrize(
    ("dialect", "path", "upstream"),
    WAYS,
    ids=["openai", "openai-ollama", "ollama", "ollama-openai"],
)


def holds_the_prompt(holder: object) -> bool:
    """Whether anything that `holder` leads to is as long as the prompt."""
    seen: set[int] = set()
    found: list[Any] = [holder]
    while found:
        each = found.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        if isinstance(each, FunctionType):
            found += each.__closure__ or ()
            continue
        if isinstance(each, str | bytes) and len(each) >= LONG:
            return True
        found += gc.get_referents(each)
    return False


def begun(bench: Bench, upstream: UpstreamSettings) -> Bench:
    """The stream, after its first text."""
    bench.start()
    native = upstream.dialect == "ollama"
    bench.opened(NDJSON if native else SSE)
    assert holds_the_prompt(bench.relay)
    given(bench.feed(line({"content": "a"}) if native else chunk({"content": "a"})))
    return bench


@each_way
def test_stream_that_has_begun_lets_go_of_the_prompt(
    dialect: str, path: str, upstream: UpstreamSettings
) -> None:
    bench = begun(Bench(make_pool(upstream), dialect, path, TURNS), upstream)
    assert not holds_the_prompt(bench.relay)


def test_heartbeat_is_not_the_beginning() -> None:
    bench = Bench(make_pool(openai()), "openai", "/chat/completions", TURNS)
    bench.start()
    bench.opened(SSE)
    bench.now += 20
    given(bench.relay.tick(bench.now))
    assert holds_the_prompt(bench.relay)
    given(bench.feed(chunk({"content": "a"})))
    assert not holds_the_prompt(bench.relay)


def test_answer_that_may_be_rescued_is_still_asked_for() -> None:
    upstream = openai()
    pool = make_pool(upstream, openai("v1"), rescue="continue")
    bench = begun(Bench(pool, "openai", "/chat/completions", TURNS), upstream)
    assert holds_the_prompt(bench.relay)


def test_next_call_is_still_to_be_made() -> None:
    upstream = ollama()
    bench = Bench(make_pool(upstream), "openai", "/chat/completions", TURNS | {"n": 2})
    assert holds_the_prompt(begun(bench, upstream).relay)
