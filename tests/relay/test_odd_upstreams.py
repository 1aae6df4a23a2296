"""What odd servers of the OpenAI dialect send, as Ollama's and OpenAI's clients get it."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.events import Usage
from llmwrap.relay.steps import Step
from tests.relay.bench import finished
from tests.relay.two_dialects import (
    JSON,
    NDJSON,
    SSE,
    USER,
    Bench,
    chunk,
    chunks_of,
    done,
    line,
    lines_of,
    make_pool,
    ollama,
    openai,
)

CHAT = {"messages": [USER]}
DONE = b"data: [DONE]\n\n"
EMBED = "This model's maximum context length is 512 tokens. However, you requested 600"


def of_ollama(
    body: dict[str, Any], path: str = "/api/chat", kind: str = "chat"
) -> Bench:
    bench = Bench(make_pool(openai(), kind=kind), "ollama", path, body)
    bench.start()
    return bench


def said(bench: Bench, stream: bytes) -> list[dict[str, Any]]:
    """The lines of a stream."""
    bench.opened(SSE)
    return lines_of(finished(bench.feed(stream)))


def test_usage_without_choices_ends_no_answer() -> None:
    usage = b'data: {"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    bench = of_ollama(CHAT)
    *_, last = said(bench, chunk({"content": "a"}, "stop") + usage + DONE)
    assert (last["done"], last["prompt_eval_count"], last["eval_count"]) == (True, 3, 4)
    assert bench.exchange.usage == Usage(3, 4)


def test_timings_are_counts_where_there_is_no_usage() -> None:
    timings = {"prompt_n": 2, "cache_n": 1, "predicted_n": 4}
    last_chunk = chunk({"content": "a"}, "stop", timings=timings)
    *_, last = said(of_ollama(CHAT), last_chunk + DONE)
    assert (last["prompt_eval_count"], last["eval_count"]) == (3, 4)


def test_whole_calls_without_ids_stay_apart() -> None:
    calls = [
        {"index": 0, "id": "", "function": {"name": "f", "arguments": {"a": 1}}},
        {"index": 0, "id": "", "function": {"name": "g", "arguments": '{"b":2}'}},
    ]
    first, _ = said(of_ollama(CHAT), chunk({"tool_calls": calls}, "stop") + DONE)
    told = [call["function"] for call in first["message"]["tool_calls"]]
    assert told == [
        {"index": 0, "name": "f", "arguments": {"a": 1}},
        {"index": 1, "name": "g", "arguments": {"b": 2}},
    ]


def test_parts_are_thinking_and_content() -> None:
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}]
    first, _ = said(of_ollama(CHAT), chunk({"content": parts}, "stop") + DONE)
    assert first["message"] == {"role": "assistant", "content": "ok", "thinking": "hm"}


def test_impossible_probability_is_a_number() -> None:
    token = b'{"token":"a","logprob":-Infinity}'
    raw = chunk({"content": "a"}, "stop").replace(
        b'"finish_reason"', b'"logprobs":{"content":[' + token + b']},"finish_reason"'
    )
    first, _ = said(of_ollama(CHAT), raw + DONE)
    assert first["logprobs"] == [{"token": "a", "logprob": -9999.0}]


def test_bare_error_line_is_an_error() -> None:
    stream = chunk({"content": "a"}, "stop") + b'{"error":{"message":"boom"}}\n'
    first, last = said(of_ollama(CHAT), stream)
    assert (first["message"]["content"], last) == ("a", {"error": "boom"})


def embedded(answer: bytes, status: int = 200) -> tuple[int, Any]:
    """Status and body of a client of `/api/embed`."""
    bench = of_ollama({"input": "a", "truncate": False}, "/api/embed", "embed")
    step: Step = bench.answered(JSON, answer, status)
    return bench.head[0], orjson.loads(finished(step))


@pytest.mark.parametrize("row", [b"[NaN,1.0]", b"[null,1.0]", b'"AADAfwAAgD8="'])
def test_vector_of_no_numbers_is_400_for_ollama(row: bytes) -> None:
    told = {"error": "embedding contains NaN or Inf values"}
    assert embedded(b'{"data":[{"embedding":' + row + b"}]}") == (400, told)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": f"{EMBED} tokens in the input for embedding"}}),
        (413, {"message": "`inputs` must have less than 512 tokens", "code": 413}),
        (
            413,
            {"error": "Input validation error: `inputs` must have less than 9 tokens"},
        ),
    ],
)
def test_text_that_is_too_long_is_400_for_ollama(status: int, body: Any) -> None:
    told = {"error": "the input length exceeds the context length"}
    assert embedded(orjson.dumps(body), status) == (400, told)


def test_plain_words_of_a_failure_are_told() -> None:
    words = b"CUDA out of memory at http://10.0.0.1"
    told = {"error": "CUDA out of memory at [address]"}
    assert embedded(words, 500) == (502, told)


def test_openai_client_gets_the_time_of_an_ollama_upstream() -> None:
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    bench = Bench(make_pool(ollama()), "openai", "/chat/completions", body)
    bench.start()
    bench.opened(NDJSON)
    later = line({"content": "b"}, created_at="2026-01-02T03:04:06.123456789Z")
    told = chunks_of(finished(bench.feed(line({"content": "a"}) + later + done())))
    assert {each["created"] for each in told} == {1_767_323_045}
    assert told[-1]["usage"]["total_tokens"] == 0


def test_plain_answer_of_an_ollama_upstream_without_counts_has_usage() -> None:
    bench = Bench(make_pool(ollama()), "openai", "/chat/completions", CHAT)
    bench.start()
    told = orjson.loads(finished(bench.answered(JSON, done())))
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert (told["created"], told["usage"]) == (1_767_323_045, zeros)
