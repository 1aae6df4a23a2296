"""Small requests for very many calls: bounded, and never all of them in memory."""

import tracemalloc

import pytest

from llmwrap.errors import InvalidRequest
from tests.relay.bench import finished
from tests.relay.two_dialects import (
    JSON,
    USER,
    Bench,
    asked,
    done,
    make_pool,
    ollama,
    openai,
    sent,
)

MEGABYTE = 1 << 20


def test_request_of_many_answers_holds_few_bodies() -> None:
    """1 MB with `n` of 128 took 150 MB."""
    body = {"messages": [{"role": "user", "content": "x" * MEGABYTE}], "n": 128}
    body |= {"seed": 1}
    tracemalloc.start()
    try:
        bench = Bench(make_pool(ollama()), "openai", "/chat/completions", body)
        step = bench.start()
        for _ in range(127):
            step = asked(bench.answered(JSON, done()))
        assert sent(step)["options"] == {"seed": 128}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    finished(bench.answered(JSON, done()))
    assert peak < 48 * MEGABYTE  # orjson asks for 8 bytes a character, for a moment


def test_call_that_was_mended_leaves_the_others_unwritten() -> None:
    content = "x" * MEGABYTE
    body = {"messages": [{"role": "user", "content": content}], "n": 128}
    body |= {"reasoning_effort": "low"}
    bench = Bench(make_pool(ollama()), "openai", "/chat/completions", body)
    bench.start()
    tracemalloc.start()
    try:
        refusal = b'{"error":"\\"up\\" does not support thinking"}'
        step = asked(bench.answered(JSON, refusal, 400))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "think" not in sent(step)
    assert "think" not in sent(bench.answered(JSON, done()))
    assert peak < 48 * MEGABYTE  # orjson asks for 8 bytes a character, for a moment


def test_three_thousand_prompts_are_refused() -> None:
    """15 KB were 384,000 calls."""
    body = {"prompt": ["a"] * 3000, "n": 128}
    with pytest.raises(InvalidRequest) as caught:
        Bench(make_pool(ollama()), "openai", "/completions", body)
    assert caught.value.param == "prompt"


def test_more_answers_than_calls_may_be_go_to_who_gives_them_at_once() -> None:
    pool = make_pool(ollama(), openai())
    body = {"prompt": ["a"] * 10, "n": 100}
    bench = Bench(pool, "openai", "/completions", body)
    assert bench.start().upstream.name == "v0"
    with pytest.raises(InvalidRequest, match="at most 128 answers"):
        Bench(make_pool(ollama()), "openai", "/completions", body)


def test_texts_of_more_batches_than_calls_may_be_are_refused() -> None:
    pool = make_pool(openai(embed_batch=2), kind="embed")
    bench = Bench(pool, "ollama", "/api/embed", {"input": ["a"] * 4096})
    assert sent(bench.start())["input"] == ["a", "a"]
    with pytest.raises(InvalidRequest) as caught:
        Bench(pool, "ollama", "/api/embed", {"input": ["a"] * 4097})
    assert caught.value.param == "input"
    assert caught.value.message == (
        "input is 2049 calls of this model's server; accepted: at most 2048, which is"
        " 4096 texts"
    )


def test_ordinary_answer_is_one_call() -> None:
    bench = Bench(
        make_pool(ollama()), "openai", "/chat/completions", {"messages": [USER]}
    )
    bench.start()
    finished(bench.answered(JSON, done()))
