"""A client of one dialect, an upstream of another: calls, answers, errors, several calls."""

from typing import Any

import orjson
import pytest

from llmwrap import errors
from llmwrap.canonical.events import Usage
from llmwrap.relay.steps import WAIT, Finish, Queue
from llmwrap.settings.values import OLDER_DOCUMENTS, Timeouts
from tests.relay.bench import START, finished, given
from tests.relay.two_dialects import (
    JSON,
    NDJSON,
    SSE,
    USER,
    Bench,
    asked,
    choices_of,
    chunk,
    chunks_of,
    done,
    line,
    lines_of,
    make_pool,
    ollama,
    openai,
    sent,
)

CUT = errors.UpstreamDisconnected("the upstream closed the connection")
ROLE = {"role": "assistant", "content": ""}


def to_ollama(
    body: dict[str, Any], path: str = "/chat/completions", **settings: Any
) -> Bench:
    """An OpenAI client before an Ollama upstream."""
    return Bench(make_pool(ollama(), **settings), "openai", path, body)


def to_openai(body: dict[str, Any], path: str = "/api/chat", **settings: Any) -> Bench:
    """An Ollama client before an OpenAI upstream."""
    return Bench(make_pool(openai(), **settings), "ollama", path, body)


CHAT = {"messages": [USER]}
STREAM = CHAT | {"stream": True}


# One call.


def test_call_is_written_in_the_upstreams_dialect() -> None:
    step = to_ollama(CHAT | {"max_completion_tokens": 5, "temperature": 0.5}).start()
    assert step.call.path == "/api/chat"
    assert ("X-Request-Id", "req_abc") in step.call.headers
    told = sent(step)
    assert told["model"] == "up"
    assert told["stream"] is False
    assert told["options"] == {"num_predict": 5, "temperature": 0.5}


def test_settings_of_upstream_and_pool_reach_the_call() -> None:
    pool = make_pool(ollama(keep_alive="5m"), context_length=8192)
    told = sent(Bench(pool, "openai", "/chat/completions", CHAT).start())
    assert (told["keep_alive"], told["options"]) == ("5m", {"num_ctx": 8192})


def test_plain_answer_is_written_in_the_clients_dialect() -> None:
    bench = to_ollama(CHAT)
    bench.start()
    answer = done(prompt_eval_count=3, eval_count=4).replace(
        b'"content":""', b'"content":"Hi"'
    )
    told = orjson.loads(finished(bench.answered(JSON, answer)))
    assert told["id"] == "chatcmpl-abc"
    assert (told["created"], told["model"]) == (1_767_323_045, "asked")
    assert told["choices"][0]["message"]["content"] == "Hi"
    assert told["choices"][0]["finish_reason"] == "stop"
    assert told["usage"]["total_tokens"] == 7
    assert bench.exchange.usage == Usage(3, 4)
    assert bench.exchange.finish_reasons == {0: "stop"}
    assert (bench.head[0], bench.exchange.outcome) == (200, "ok")
    assert bench.in_flight == [0]


def test_stream_is_written_line_by_line() -> None:
    bench = to_ollama(STREAM | {"stream_options": {"include_usage": True}})
    assert sent(bench.start())["stream"] is True
    bench.opened(NDJSON)
    first = given(bench.feed(line({"content": "He"})))
    second = given(bench.feed(line({"content": "llo"})))
    last = finished(bench.feed(done("length", prompt_eval_count=3, eval_count=4)))
    told = chunks_of(first + second + last)
    assert choices_of(told) == [
        (0, ROLE),
        (0, {"content": "He"}),
        (0, {"content": "llo"}),
        (0, "length"),
    ]
    assert told[-1]["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
    }
    assert bench.head[1]["Content-Type"] == SSE
    assert bench.exchange.usage == Usage(3, 4)


def test_ollama_client_is_streamed_to_from_an_openai_upstream() -> None:
    bench = to_openai(CHAT)
    step = bench.start()
    assert step.call.path == "/chat/completions"
    assert sent(step)["stream_options"] == {"include_usage": True}
    bench.opened(SSE)
    out = given(bench.feed(chunk(ROLE) + chunk({"content": "He"})))
    out += given(bench.feed(chunk({"content": "llo"})))
    assert bench.feed(chunk({}, "stop")) is WAIT
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    assert bench.feed(chunk({}, choices=[], usage=usage)) is WAIT
    out += finished(bench.feed(b"data: [DONE]\n\n"))
    *told, last = lines_of(out)
    assert [each["message"]["content"] for each in told] == ["He", "llo"]
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (3, 4)
    assert bench.head[1]["Content-Type"] == NDJSON


SECOND = 1_000_000_000


@pytest.mark.parametrize("think_tags", [False, True])
def test_what_is_delivered_is_counted_by_its_pieces(think_tags: bool) -> None:
    bench = to_openai(CHAT, think_tags=think_tags)
    bench.start()
    bench.opened(SSE)
    bench.feed(chunk(ROLE))
    if think_tags:
        bench.feed(chunk({"content": "<think>"}))
    assert bench.exchange.delivered == 0
    for _ in range(3):
        bench.feed(chunk({"content": "a"}))
    bench.feed(chunk({"content": "a"}) * 2)
    assert bench.exchange.delivered == 5


def test_times_of_a_plain_answer_are_those_of_its_way() -> None:
    bench = to_openai({"input": "a"}, "/api/embed", kind="embed")
    bench.start()
    bench.now = START + 1
    bench.opened(JSON)
    bench.now = START + 3
    bench.feed(vectors([1, 0], prompt=2))
    bench.now = START + 6
    told = orjson.loads(finished(bench.eof()))
    assert (told["load_duration"], told["total_duration"]) == (SECOND, 6 * SECOND)


def test_times_of_a_stream_are_those_of_its_way() -> None:
    bench = to_openai(CHAT)
    bench.start()
    bench.opened(SSE)
    bench.now = START + 2
    given(bench.feed(chunk({"content": "a"})))
    bench.now = START + 5
    bench.feed(chunk({}, "stop"))
    (last,) = lines_of(finished(bench.feed(b"data: [DONE]\n\n")))
    assert last["total_duration"] == 5 * SECOND
    assert last["created_at"] == "2023-11-14T22:13:25.000000Z"


def test_defaults_of_the_service_are_sent_unless_the_pool_says_no() -> None:
    for inject, options in ((True, {"temperature": 0.7, "top_p": 1.0}), (False, None)):
        pool = make_pool(ollama(), inject_defaults=inject)
        bench = Bench(pool, "openai", "/chat/completions", CHAT, OLDER_DOCUMENTS)
        assert sent(bench.start()).get("options") == options


def test_thoughts_in_the_text_are_told_apart_where_the_pool_says_so() -> None:
    bench = to_openai(CHAT, think_tags=True)
    bench.start()
    bench.opened(SSE)
    assert bench.feed(chunk({"content": "<thi"})) is WAIT
    out = given(bench.feed(chunk({"content": "nk>hm</think>\n\nHi"})))
    bench.feed(chunk({}, "stop"))
    out += finished(bench.feed(b"data: [DONE]\n\n"))
    told = [each["message"] for each in lines_of(out)]
    assert "".join(each.get("thinking", "") for each in told) == "hm"
    assert "".join(each["content"] for each in told) == "Hi"


def test_beginning_of_a_tag_that_stays_one_is_text() -> None:
    bench = to_openai(CHAT, think_tags=True)
    bench.start()
    bench.opened(SSE)
    bench.feed(chunk({"content": "<thi"}))
    out = finished(bench.feed(b"data: [DONE]\n\n"))
    assert [each["message"]["content"] for each in lines_of(out)] == ["<thi", ""]


def test_only_an_answer_that_may_think_is_held_back_for_its_tag() -> None:
    for think in (False, True):
        bench = to_openai(CHAT | {"think": think}, think_tags=True)
        bench.start()
        bench.opened(SSE)
        assert (bench.feed(chunk({"content": "Hi"})) is WAIT) == think


# What goes wrong.


def test_error_answer_is_told_in_the_clients_dialect() -> None:
    bench = to_ollama(CHAT)
    bench.start()
    told = finished(bench.answered(JSON, b'{"error":"bad option"}', 400))
    assert bench.head[0] == 400
    assert orjson.loads(told)["error"]["message"] == "bad option"


def test_error_line_in_a_stream_is_one_error_event() -> None:
    bench = to_ollama(STREAM)
    bench.start()
    bench.opened(NDJSON)
    given(bench.feed(line({"content": "He"})))
    told = finished(bench.feed(b'{"error":"boom"}\n'))
    assert told.startswith(b'data: {"error":{"message":"boom"')
    assert told.count(b"\n\n") == 1
    assert bench.exchange.outcome == "upstream_abort"


def test_error_event_in_a_stream_is_one_error_line() -> None:
    bench = to_openai(CHAT)
    bench.start()
    bench.opened(SSE)
    given(bench.feed(chunk({"content": "He"})))
    told = finished(bench.feed(b'data: {"error":{"message":"boom"}}\n\n'))
    assert lines_of(told) == [{"error": "boom"}]


def test_stream_that_cannot_be_ended_well_ends_with_an_error() -> None:
    bench = to_openai(CHAT)
    bench.start()
    bench.opened(SSE)
    function = {"name": "f", "arguments": '{"a'}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    given(bench.feed(chunk({"content": "x"})))
    bench.feed(chunk({"tool_calls": [call]}) + chunk({}, "tool_calls"))
    told = lines_of(finished(bench.feed(b"data: [DONE]\n\n")))
    assert list(told[-1]) == ["error"]
    assert "invalid tool call arguments" in told[-1]["error"]


def test_stream_that_breaks_off_ends_with_an_error() -> None:
    bench = to_ollama(STREAM)
    bench.start()
    bench.opened(NDJSON)
    given(bench.feed(line({"content": "He"})))
    assert finished(bench.eof()).startswith(b'data: {"error":')


def test_request_without_words_in_the_upstreams_dialect_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        to_ollama(CHAT | {"logit_bias": {"1": 1}})
    assert caught.value.param == "logit_bias"


def test_upstreams_without_words_for_a_request_are_not_asked() -> None:
    pool = make_pool(ollama(), openai())
    body = CHAT | {"logit_bias": {"1": 1}}
    bench = Bench(pool, "openai", "/chat/completions", body)
    assert bench.start().upstream.name == "v0"
    assert finished(bench.failed(CUT))
    assert len(bench.exchange.attempts) == 1


def test_ndjson_client_gets_no_heartbeat_and_a_real_504() -> None:
    bench = to_openai(CHAT)
    bench.start()
    bench.opened(SSE)
    bench.now = START + 20
    assert bench.relay.tick(bench.now) is WAIT
    assert bench.relay.head is None
    assert bench.relay.wake_at(bench.now) > bench.now
    bench.now = START + 63
    assert isinstance(bench.relay.tick(bench.now), Finish)
    assert bench.head[0] == 504


def test_openai_client_of_an_ollama_upstream_gets_heartbeats() -> None:
    bench = to_ollama(STREAM)
    bench.start()
    bench.opened(NDJSON)
    bench.now = START + 20
    assert given(bench.relay.tick(bench.now)) == b": keep-alive\n\n"


# Another attempt.


def test_other_attempt_is_written_for_the_other_upstream() -> None:
    pool = make_pool(ollama(), openai())
    bench = Bench(pool, "openai", "/chat/completions", STREAM)
    assert bench.start().call.path == "/api/chat"
    step = asked(bench.failed(CUT))
    assert (step.upstream.name, step.call.path) == ("v0", "/chat/completions")
    bench.opened(SSE)
    passed = chunk({"content": "Hi"}, model="asked")
    assert given(bench.feed(passed)) == passed


def test_what_was_held_of_a_failed_attempt_does_not_leave() -> None:
    pool = make_pool(ollama(), ollama("o1"))
    bench = Bench(pool, "openai", "/chat/completions", STREAM, OLDER_DOCUMENTS)
    bench.start()
    bench.opened(NDJSON)
    assert bench.feed(line({"content": " "})) is WAIT
    assert asked(bench.failed(CUT)).upstream.name == "o1"
    bench.opened(NDJSON)
    out = given(bench.feed(line({"content": "Hi"})))
    out += finished(bench.feed(done()))
    told = choices_of(chunks_of(out))
    assert told == [(0, ROLE), (0, {"content": "Hi"}), (0, "stop")]


def test_empty_answer_is_refused_where_the_service_says_so() -> None:
    for body, content_type in ((STREAM, NDJSON), (CHAT, JSON)):
        pool = make_pool(ollama())
        bench = Bench(pool, "openai", "/chat/completions", body, OLDER_DOCUMENTS)
        bench.start()
        told = orjson.loads(finished(bench.answered(content_type, done())))
        assert told["error"]["code"] == "empty_response"
        assert bench.head[0] == 422


# A broken stream that another upstream goes on with.


def test_broken_stream_goes_on_at_an_upstream_of_its_kind() -> None:
    pool = make_pool(openai(), ollama(), openai("v1"), rescue="continue")
    bench = Bench(pool, "ollama", "/api/chat", CHAT)
    bench.start()
    bench.opened(SSE)
    out = given(bench.feed(chunk({"content": "He"})))
    step = asked(bench.failed(CUT))
    assert step.upstream.name == "v1"
    told = sent(step)
    assert told["messages"][-1] == {"role": "assistant", "content": "He"}
    assert told["continue_final_message"] is True
    bench.opened(SSE)
    out += given(bench.feed(chunk(ROLE) + chunk({"content": "llo"})))
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    bench.feed(chunk({}, "stop", usage=usage))
    out += finished(bench.feed(b"data: [DONE]\n\n"))
    *lines, last = lines_of(out)
    assert "".join(each["message"]["content"] for each in lines) == "Hello"
    assert (last["prompt_eval_count"], last["eval_count"]) == (8, 3)
    assert bench.exchange.usage == Usage(8, 3)


def test_broken_stream_of_an_ollama_upstream_goes_on_too() -> None:
    pool = make_pool(ollama(), ollama("o1"), rescue="prefill")
    bench = Bench(pool, "openai", "/chat/completions", STREAM)
    bench.start()
    bench.opened(NDJSON)
    out = given(bench.feed(line({"content": "He"})))
    step = asked(bench.failed(CUT))
    assert sent(step)["messages"][-1] == {"role": "assistant", "content": "He"}
    bench.opened(NDJSON)
    out += given(bench.feed(line({"content": "llo"})))
    out += finished(bench.feed(done()))
    assert choices_of(chunks_of(out)) == [
        (0, ROLE),
        (0, {"content": "He"}),
        (0, {"content": "llo"}),
        (0, "stop"),
    ]


# Several calls.


def test_choices_are_calls_one_after_another() -> None:
    bench = to_ollama(CHAT | {"n": 2, "seed": 7})
    assert sent(bench.start())["options"] == {"seed": 7}
    first = done(prompt_eval_count=3, eval_count=4).replace(b'""', b'"A"', 1)
    second = done("length", prompt_eval_count=3, eval_count=5).replace(b'""', b'"B"', 1)
    step = asked(bench.answered(JSON, first))
    assert sent(step)["options"] == {"seed": 8}
    assert step.served
    assert bench.in_flight == [1]
    told = orjson.loads(finished(bench.answered(JSON, second)))
    assert [
        (each["index"], each["message"]["content"], each["finish_reason"])
        for each in told["choices"]
    ] == [(0, "A", "stop"), (1, "B", "length")]
    assert told["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 9,
        "total_tokens": 12,
    }
    assert bench.exchange.usage == Usage(3, 9)
    assert bench.exchange.finish_reasons == {0: "stop", 1: "length"}
    assert [each.upstream for each in bench.exchange.attempts] == ["o0", "o0"]
    assert all(each.seconds is not None for each in bench.exchange.attempts)
    assert bench.in_flight == [0]


def test_choices_of_a_stream_follow_each_other_and_end_once() -> None:
    bench = to_ollama(STREAM | {"n": 2, "stream_options": {"include_usage": True}})
    bench.start()
    bench.opened(NDJSON)
    out = given(bench.feed(line({"content": "A"})))
    step = asked(bench.feed(done(prompt_eval_count=3, eval_count=4)))
    out += step.data
    bench.opened(NDJSON)
    out += given(bench.feed(line({"content": "B"})))
    out += finished(bench.feed(done(prompt_eval_count=3, eval_count=5)))
    told = chunks_of(out)
    assert choices_of(told) == [
        (0, ROLE),
        (0, {"content": "A"}),
        (0, "stop"),
        (1, ROLE),
        (1, {"content": "B"}),
        (1, "stop"),
    ]
    assert [each["usage"]["total_tokens"] for each in told if "usage" in each] == [12]


def test_later_call_may_be_made_elsewhere_while_nothing_was_given() -> None:
    pool = make_pool(ollama(), openai(), ollama("o1"))
    bench = Bench(pool, "openai", "/chat/completions", CHAT | {"n": 2})
    bench.start()
    bench.answered(JSON, done(eval_count=4, prompt_eval_count=3))
    step = asked(bench.failed(CUT))
    assert step.upstream.name == "o1"
    told = orjson.loads(
        finished(bench.answered(JSON, done(eval_count=5, prompt_eval_count=3)))
    )
    assert [each["index"] for each in told["choices"]] == [0, 1]
    assert told["usage"]["completion_tokens"] == 9
    assert bench.in_flight == [0, 0, 0]


def test_later_call_that_fails_for_good_ends_the_stream_with_an_error() -> None:
    bench = to_ollama(STREAM | {"n": 2})
    bench.start()
    bench.opened(NDJSON)
    given(bench.feed(line({"content": "A"})))
    asked(bench.feed(done()))
    assert finished(bench.failed(CUT)).startswith(b'data: {"error":')
    assert bench.in_flight == [0]


def test_each_call_has_three_attempts_of_its_own() -> None:
    upstreams = [ollama(f"o{n}") for n in range(3)]
    bench = Bench(make_pool(*upstreams), "openai", "/chat/completions", CHAT | {"n": 2})
    gone = errors.UpstreamUnreachable("gone")
    bench.start()
    bench.failed(gone)
    bench.failed(gone)
    asked(bench.answered(JSON, done()))
    assert asked(bench.failed(gone)).upstream.name in ("o0", "o1")


def test_texts_of_several_prompts_count_their_prompts() -> None:
    body = {"prompt": ["a", "b"], "n": 2}
    bench = to_ollama(body, "/completions")
    told = [sent(bench.start())["prompt"]]
    answer = orjson.dumps(
        {
            "response": "x",
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 1,
        }
    )
    told += [sent(bench.answered(JSON, answer))["prompt"] for _ in range(3)]
    assert told == ["a", "a", "b", "b"]
    whole = orjson.loads(finished(bench.answered(JSON, answer)))
    assert [each["index"] for each in whole["choices"]] == [0, 1, 2, 3]
    assert whole["usage"]["prompt_tokens"] == 6
    assert whole["usage"]["completion_tokens"] == 4


def vectors(*rows: list[float], prompt: int) -> bytes:
    data = [{"index": n, "embedding": row} for n, row in reversed([*enumerate(rows)])]
    return orjson.dumps({"data": data, "usage": {"prompt_tokens": prompt}})


def test_batches_of_texts_are_calls_one_after_another() -> None:
    pool = make_pool(openai(embed_batch=2), kind="embed")
    bench = Bench(pool, "ollama", "/api/embed", {"input": ["a", "b", "c"]})
    assert sent(bench.start())["input"] == ["a", "b"]
    step = asked(bench.answered(JSON, vectors([1, 0], [0, 1], prompt=2)))
    assert sent(step)["input"] == ["c"]
    told = orjson.loads(finished(bench.answered(JSON, vectors([3, 4], prompt=5))))
    assert told["embeddings"] == [[1, 0], [0, 1], [0.6, 0.8]]
    assert told["prompt_eval_count"] == 7
    assert bench.exchange.usage == Usage(7)


def test_vectors_that_are_missing_fail() -> None:
    pool = make_pool(openai(), kind="embed")
    bench = Bench(pool, "ollama", "/api/embed", {"input": ["a", "b"]})
    bench.start()
    told = orjson.loads(finished(bench.answered(JSON, vectors([1, 0], prompt=2))))
    assert bench.head[0] == 502
    assert told == {"error": "the upstream sent 1 vectors for 2 texts"}


def test_openai_client_gets_vectors_of_an_ollama_upstream() -> None:
    pool = make_pool(ollama(), kind="embed")
    body = {"input": "a", "encoding_format": "base64", "dimensions": 2}
    bench = Bench(pool, "openai", "/embeddings", body)
    assert bench.start().call.path == "/api/embed"
    answer = b'{"embeddings":[[3.0,4.0,12.0]],"prompt_eval_count":4}'
    told = orjson.loads(finished(bench.answered(JSON, answer)))
    assert told["data"][0]["embedding"] == "mpkZP83MTD8="
    assert told["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_client_that_leaves_between_two_calls_frees_the_slot() -> None:
    bench = to_ollama(CHAT | {"n": 2})
    bench.start()
    asked(bench.answered(JSON, done()))
    bench.relay.close(bench.now)
    assert bench.in_flight == [0]
    assert bench.exchange.outcome == "client_abort"


def test_total_deadline_holds_for_all_calls_together() -> None:
    short = Timeouts(total_s=50)
    pool = make_pool(ollama())
    body = CHAT | {"n": 2}
    bench = Bench(pool, "openai", "/chat/completions", body, timeouts=short)
    bench.start()
    bench.now = START + 40
    asked(bench.answered(JSON, done()))
    bench.now = START + 50
    assert isinstance(bench.relay.tick(bench.now), Finish)
    assert bench.head[0] == 504


def test_next_call_does_not_queue_behind_others() -> None:
    pool = make_pool(ollama(max_in_flight=1))
    bench = Bench(pool, "openai", "/chat/completions", CHAT | {"n": 2})
    other = Bench(pool, "openai", "/chat/completions", CHAT)
    bench.start()
    waiting = other.relay.start(START)
    assert isinstance(waiting, Queue)
    assert asked(bench.answered(JSON, done())).upstream.name == "o0"
    finished(bench.answered(JSON, done()))
    assert waiting.ticket.lease
