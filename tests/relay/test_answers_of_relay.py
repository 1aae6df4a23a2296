"""What the client is given: heads, plain answers, empty answers, the end."""

import pytest

from llmwrap import errors
from llmwrap.canonical.events import Usage
from llmwrap.relay.steps import WAIT
from llmwrap.settings.values import OLDER_DOCUMENTS
from tests.relay.bench import (
    DONE,
    JSON,
    ROLE,
    START,
    STOP,
    TEXT,
    WHOLE,
    Bench,
    chunk,
    code_of,
    finished,
    given,
    hold,
)

TOLD = {
    "x-llmwrap-upstream": "u0",
    "x-llmwrap-attempts": "1",
    "x-llmwrap-overhead-ms": "0.0",
    "server-timing": "queue;dur=0.0, upstream;dur=0.0, total;dur=0.0",
}
CUT = errors.UpstreamDisconnected("the upstream closed the connection")


def test_stream_has_the_headers_of_a_stream() -> None:
    bench = Bench()
    bench.begin()
    assert bench.relay.head is None
    assert given(bench.feed(ROLE + TEXT)) == ROLE + TEXT
    assert bench.status == 200
    assert bench.headers == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
        **TOLD,
    }
    assert bench.exchange.status == 200
    assert bench.exchange.first_byte == START


def test_what_is_delivered_is_counted_by_its_pieces() -> None:
    bench = Bench()
    bench.begin()
    bench.feed(ROLE)
    assert bench.exchange.delivered == 0
    bench.feed(TEXT)
    bench.feed(TEXT)
    bench.feed(TEXT + TEXT[:30])
    assert bench.exchange.delivered == 3
    bench.feed(TEXT[30:] + chunk({"reasoning_content": "so"}) + chunk({"content": ""}))
    assert bench.exchange.delivered == 5
    function = {"name": "f", "arguments": "word" * 100}
    bench.feed(chunk({"tool_calls": [{"index": 0, "id": "c", "function": function}]}))
    assert bench.exchange.delivered == 105
    bench.feed(STOP + DONE)
    assert bench.exchange.delivered == 105


def test_a_plain_answer_is_counted_by_its_length() -> None:
    bench = Bench(stream=False)
    bench.begin(200, JSON)
    bench.feed(WHOLE.replace(b"Hi", b"word" * 100))
    bench.eof()
    assert bench.exchange.delivered == 100


def test_plain_answer_has_its_length() -> None:
    bench = Bench(stream=False)
    bench.begin(200, JSON)
    assert bench.feed(WHOLE[:20]) is WAIT
    assert bench.feed(WHOLE[20:]) is WAIT
    assert finished(bench.eof()) == WHOLE
    assert bench.headers == {
        "Content-Type": "application/json",
        "Content-Length": str(len(WHOLE)),
        **TOLD,
    }
    assert bench.exchange.finish_reasons == {0: "stop"}
    assert bench.in_flight == [0, 0, 0]


def test_refusal_has_the_headers_of_its_error() -> None:
    bench = Bench(stream=False)
    bench.begin(400, JSON)
    bench.feed(b'{"error":{"message":"bad","param":"n"}}')
    assert finished(bench.eof()) == (
        b'{"error":{"message":"bad","type":"invalid_request_error","param":"n",'
        b'"code":"invalid_value"},"detail":"bad"}'
    )
    assert bench.headers == {
        "Content-Type": "application/json",
        "Content-Length": "108",
        "x-llmwrap-fault": "caller",
        **TOLD,
        "x-should-retry": "false",
    }
    assert (bench.exchange.status, bench.exchange.outcome) == (400, "refused")


def test_older_documents_get_500_for_a_failing_upstream() -> None:
    bench = Bench(1, stream=False, service=OLDER_DOCUMENTS)
    bench.begin(503, JSON)
    assert code_of(bench.eof()) == "overloaded"
    assert (bench.status, bench.exchange.status) == (500, 500)
    assert bench.exchange.outcome == "failed"


def test_frames_of_one_read_are_given_as_one() -> None:
    bench = Bench()
    bench.begin()
    assert finished(bench.feed(ROLE + TEXT + STOP + DONE)) == ROLE + TEXT + STOP + DONE
    assert bench.in_flight == [0, 0, 0]


def test_nothing_after_done_is_given() -> None:
    bench = Bench()
    bench.begin()
    assert finished(bench.feed(TEXT + DONE + TEXT + DONE)) == TEXT + DONE


def test_half_a_frame_commits_nothing() -> None:
    bench = Bench()
    bench.begin()
    assert bench.feed(TEXT[:-1]) is WAIT
    assert bench.relay.head is None
    assert given(bench.feed(b"\n")) == TEXT


def test_hidden_usage_is_noted_and_not_given() -> None:
    bench = Bench()
    bench.begin()
    given(bench.feed(TEXT + STOP))
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    tail = chunk({}, choices=[], usage=usage)
    assert bench.feed(tail) is WAIT
    assert finished(bench.feed(DONE)) == DONE
    assert bench.exchange.usage == Usage(3, 4)


@pytest.mark.parametrize("answer", [STOP + DONE, ROLE + STOP + DONE, DONE])
def test_empty_stream_is_422_where_the_service_says_so(answer: bytes) -> None:
    bench = Bench(service=OLDER_DOCUMENTS)
    bench.begin()
    assert code_of(bench.feed(answer)) == "empty_response"
    assert bench.status == 422
    assert len(bench.exchange.attempts) == 1


def test_empty_stream_without_done_is_422_too() -> None:
    bench = Bench(service=OLDER_DOCUMENTS)
    bench.begin()
    assert bench.feed(ROLE + STOP) is WAIT
    assert code_of(bench.eof()) == "empty_response"


@pytest.mark.parametrize("answer", [STOP + DONE, DONE])
def test_empty_stream_passes_elsewhere(answer: bytes) -> None:
    bench = Bench()
    bench.begin()
    assert finished(bench.feed(answer)) == answer


def test_frames_are_held_until_the_first_content() -> None:
    bench = Bench(service=OLDER_DOCUMENTS)
    bench.begin()
    assert bench.feed(ROLE) is WAIT
    assert bench.relay.head is None
    assert given(bench.feed(TEXT)) == ROLE + TEXT
    assert given(bench.feed(STOP)) == STOP


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm"},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]},
        {"refusal": "No."},
    ],
)
def test_thought_tool_call_and_refusal_are_content(delta: dict[str, object]) -> None:
    bench = Bench(service=OLDER_DOCUMENTS)
    bench.begin()
    assert given(bench.feed(chunk(delta))) == chunk(delta)


@pytest.mark.parametrize("content", ["", " \n", None])
def test_empty_plain_answer_is_422_where_the_service_says_so(
    content: str | None,
) -> None:
    body = WHOLE.replace(b'"Hi"', b"null" if content is None else b'" "')
    bench = Bench(stream=False, service=OLDER_DOCUMENTS)
    bench.begin(200, JSON)
    bench.feed(body)
    assert code_of(bench.eof()) == "empty_response"
    passing = Bench(stream=False)
    passing.begin(200, JSON)
    passing.feed(body)
    assert finished(passing.eof()) == body


def test_text_completion_may_be_empty() -> None:
    body = b'{"object":"text_completion","model":"m","choices":[{"index":0,"text":""}]}'
    bench = Bench(stream=False, operation="text_completion", service=OLDER_DOCUMENTS)
    bench.begin(200, JSON)
    bench.feed(body)
    assert finished(bench.eof()) == body


def test_close_before_anything_leaves_no_lease() -> None:
    bench = Bench()
    bench.relay.close(START)
    assert (bench.in_flight, bench.exchange.outcome) == ([0, 0, 0], "client_abort")


@pytest.mark.parametrize("fed", [None, b"", TEXT])
def test_client_that_leaves_gives_the_slot_back_once(fed: bytes | None) -> None:
    bench = Bench()
    bench.start()
    if fed is not None:
        bench.opened()
        bench.feed(fed)
    (other,) = hold(bench.pool, 1)
    for _ in range(2):
        bench.relay.close(START + 3)
    assert bench.in_flight == [0, 1, 0]
    other.release(START)
    assert bench.exchange.outcome == "client_abort"
    assert bench.exchange.attempts[0].seconds == 3.0
    assert bench.exchange.attempts[0].error is None


@pytest.mark.parametrize("ending", ["whole", "cut", "refused"])
def test_close_after_the_end_changes_nothing(ending: str) -> None:
    bench = Bench(1)
    bench.begin(400 if ending == "refused" else 200)
    if ending == "refused":
        bench.eof()
    else:
        bench.feed(TEXT)
        bench.feed(DONE) if ending == "whole" else bench.relay.failed(START, CUT)
    outcome = {"whole": "ok", "cut": "upstream_abort", "refused": "refused"}[ending]
    assert bench.in_flight == [0]
    (again,) = hold(bench.pool, 0)
    bench.relay.close(START + 9)
    assert bench.in_flight == [1]
    again.release(START)
    assert bench.exchange.outcome == outcome
    assert bench.exchange.attempts[0].seconds == 0.0
