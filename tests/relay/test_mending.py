"""A call that its upstream refused for what we wrote: mended once, and made there once more."""

from typing import Any

import orjson

from llmwrap.relay.steps import Open, Step
from tests.relay.bench import finished, given
from tests.relay.two_dialects import (
    JSON,
    NDJSON,
    SSE,
    USER,
    Bench,
    asked,
    chunk,
    done,
    line,
    lines_of,
    make_pool,
    ollama,
    openai,
    sent,
)

STREAM = {"messages": [USER], "stream": True}
THINKING = STREAM | {"reasoning_effort": "low"}
NO_OPTIONS = b'{"error":{"message":"Unknown parameter: \'stream_options\'"}}'
NO_THINKING = b'{"error":"\\"up\\" does not support thinking"}'


def openai_client(body: dict[str, Any], *upstreams: Any) -> Bench:
    pool = make_pool(*(upstreams or (ollama(), ollama("o1"))))
    return Bench(pool, "openai", "/chat/completions", body)


def refused(bench: Bench, told: bytes) -> Step:
    return bench.answered(JSON, told, 400)


def test_mended_call_is_made_to_the_same_upstream_in_the_same_slot() -> None:
    bench = openai_client(THINKING)
    assert sent(bench.start())["think"] == "low"
    step = asked(refused(bench, NO_THINKING))
    assert step.upstream.name == "o0"
    assert "think" not in sent(step)
    assert ("X-Request-Id", "req_abc") in step.call.headers
    assert bench.in_flight == [1, 0]
    bench.opened(NDJSON)
    given(bench.feed(line({"content": "Hi"})))
    finished(bench.feed(done()))
    assert bench.exchange.outcome == "ok"
    assert [(each.upstream, each.error) for each in bench.exchange.attempts] == [
        ("o0", "invalid_value"),
        ("o0", None),
    ]
    assert bench.in_flight == [0, 0]


def test_call_is_mended_once() -> None:
    bench = openai_client(THINKING)
    bench.start()
    asked(refused(bench, NO_THINKING))
    told = orjson.loads(finished(refused(bench, NO_THINKING)))
    assert told["error"]["message"] == '"up" does not support thinking'
    assert bench.head[0] == 400
    assert bench.in_flight == [0, 0]


def test_refusals_do_not_speak_against_the_upstream() -> None:
    pool = make_pool(ollama())
    for _ in range(9):
        bench = Bench(pool, "openai", "/chat/completions", THINKING)
        bench.start()
        refused(bench, NO_THINKING)
        refused(bench, NO_THINKING)
    assert pool.upstreams[0].available(bench.now)


def test_mended_call_that_fails_is_made_elsewhere_as_it_was_mended() -> None:
    bench = openai_client(THINKING)
    bench.start()
    refused(bench, NO_THINKING)
    step = asked(bench.answered(JSON, b"", 502))
    assert step.upstream.name == "o1"
    assert "think" not in sent(step)


def test_all_calls_of_a_request_are_mended_alike() -> None:
    bench = openai_client(THINKING | {"n": 2})
    bench.start()
    asked(refused(bench, NO_THINKING))
    bench.opened(NDJSON)
    step = asked(bench.feed(line({"content": "A"}) + done()))
    assert "think" not in sent(step)


def test_passed_stream_is_asked_for_without_stream_options() -> None:
    bench = openai_client(STREAM, openai())
    assert "stream_options" in sent(bench.start())
    step = asked(refused(bench, NO_OPTIONS))
    assert sent(step) == {**STREAM, "model": "up"}
    bench.opened(SSE)
    passed = chunk({"content": "Hi"}, model="asked")
    assert given(bench.feed(passed)) == passed


def test_client_is_told_that_its_own_stream_options_are_not_known() -> None:
    told = {"stream_options": {"include_usage": True}}
    bench = openai_client(STREAM | told, openai())
    bench.start()
    assert b"stream_options" in finished(refused(bench, NO_OPTIONS))


def test_refusal_after_a_sign_of_life_is_final() -> None:
    bench = openai_client(STREAM, openai())
    bench.start()
    bench.now += 20
    given(bench.relay.tick(bench.now))
    assert finished(refused(bench, NO_OPTIONS)).startswith(b'data: {"error":')


def test_server_that_only_loaded_its_model_is_asked_again() -> None:
    for dialect, path in (("openai", "/chat/completions"), ("ollama", "/api/chat")):
        bench = Bench(make_pool(ollama()), dialect, path, STREAM)
        first = bench.start()
        bench.opened(NDJSON)
        assert asked(bench.feed(done("load"))).call == first.call
        bench.opened(NDJSON)
        assert not isinstance(bench.feed(done("load")), Open)
        assert bench.head[0] == 503
        assert bench.exchange.error
        assert bench.exchange.error.code == "model_loading"


def test_ollama_client_gets_the_length_that_the_server_has_room_for() -> None:
    body = {"prompt": "x", "raw": True, "stream": False}
    bench = Bench(make_pool(openai()), "ollama", "/api/generate", body)
    assert sent(bench.start())["max_tokens"] == 4095
    told = (
        "This model's maximum context length is 2048 tokens. However, you requested 4097"
        " tokens (2 in the prompt, 4095 in the completion)."
    )
    step = asked(refused(bench, orjson.dumps({"object": "error", "message": told})))
    assert sent(step)["max_tokens"] == 2046


def test_fields_that_the_server_does_not_know_are_left_out_together() -> None:
    """An Ollama client asked for no field of vLLM's; a server that is not vLLM names them."""
    bench = Bench(make_pool(openai()), "ollama", "/api/chat", STREAM | {"think": False})
    first = sent(bench.start())
    assert {"stream_options", "chat_template_kwargs"} <= first.keys()
    told = b'{"error":{"message":"unknown: stream_options, chat_template_kwargs"}}'
    left = sent(asked(refused(bench, told)))
    assert first.keys() - left.keys() == {"stream_options", "chat_template_kwargs"}


def test_texts_are_not_cut_by_a_server_that_cannot() -> None:
    """In no batch, though only the first was refused."""
    pool = make_pool(openai(embed_batch=1), kind="embed")
    bench = Bench(pool, "ollama", "/api/embed", {"input": ["a", "b"]})
    assert sent(bench.start())["truncate_prompt_tokens"] == -1
    told = b'{"detail":[{"loc":["body","truncate_prompt_tokens"],"msg":"extra"}]}'
    step = asked(bench.answered(JSON, told, 422))
    assert "truncate_prompt_tokens" not in sent(step)
    row = {"object": "embedding", "index": 0, "embedding": [1.0]}
    step = asked(bench.answered(JSON, orjson.dumps({"data": [row]})))
    assert sent(step)["input"] == ["b"]
    assert "truncate_prompt_tokens" not in sent(step)


def test_server_without_tools_is_told_of_as_ollama_does() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    pool = make_pool(openai())
    bench = Bench(pool, "ollama", "/api/chat", {"messages": [USER], "tools": tools})
    bench.start()
    told = (
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'
        " to be set"
    )
    out = finished(refused(bench, orjson.dumps({"object": "error", "message": told})))
    assert lines_of(out + b"\n") == [{"error": "the model does not support tools"}]
    assert bench.head[0] == 400
