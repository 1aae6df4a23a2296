"""Which upstreams are asked, how often, and when no more."""

import orjson
import pytest

from llmwrap import errors
from llmwrap.relay.steps import WAIT, Open
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
    opened_at,
    queued,
)

UNREACHABLE = errors.UpstreamUnreachable("the upstream cannot be reached")
CUT = errors.UpstreamDisconnected("the upstream closed the connection")
ERROR_EVENT = b'data: {"error":{"message":"boom","code":500}}\n\n'


def test_call_carries_our_id_and_the_trace_of_the_caller() -> None:
    bench = Bench()
    step = bench.start()
    assert isinstance(step, Open)
    assert step.call.path == "/chat/completions"
    assert ("X-Request-Id", "req_1") in step.call.headers


def test_unreachable_upstream_is_passed_over() -> None:
    bench = Bench()
    assert opened_at(bench.start()) == "u0"
    assert opened_at(bench.relay.failed(START + 1, UNREACHABLE)) == "u1"
    assert bench.in_flight == [0, 1, 0]
    bench.opened()
    assert given(bench.feed(TEXT)) == TEXT
    assert finished(bench.feed(DONE)) == DONE
    assert bench.headers["x-llmwrap-attempts"] == "2"
    assert bench.headers["x-llmwrap-upstream"] == "u1"
    assert "x-should-retry" not in bench.headers
    first, second = bench.exchange.attempts
    assert (first.upstream, first.error, first.seconds) == (
        "u0",
        "upstream_unreachable",
        1.0,
    )
    assert (second.upstream, second.status, second.error) == ("u1", 200, None)
    assert bench.exchange.outcome == "ok"


def test_three_attempts_on_distinct_upstreams_are_the_most() -> None:
    bench = Bench(5)
    asked = [opened_at(bench.start())]
    asked += [opened_at(bench.relay.failed(START, UNREACHABLE)) for _ in range(2)]
    assert asked == ["u0", "u1", "u2"]
    assert code_of(bench.relay.failed(START, UNREACHABLE)) == "upstream_unreachable"
    assert bench.status == 502
    assert bench.headers["x-should-retry"] == "false"
    assert bench.headers["x-llmwrap-attempts"] == "3"
    assert bench.in_flight == [0, 0, 0, 0, 0]


def test_no_upstream_is_asked_twice() -> None:
    bench = Bench(2)
    bench.start()
    bench.relay.failed(START, UNREACHABLE)
    assert code_of(bench.relay.failed(START, CUT)) == "upstream_disconnected"
    assert [attempt.upstream for attempt in bench.exchange.attempts] == ["u0", "u1"]


def test_single_upstream_that_fails_leaves_the_retry_to_the_client() -> None:
    bench = Bench(1)
    bench.start()
    assert code_of(bench.relay.failed(START, UNREACHABLE)) == "upstream_unreachable"
    assert "x-should-retry" not in bench.headers


def test_full_upstreams_are_503_and_come_again() -> None:
    bench = Bench(1)
    hold(bench.pool, 0)
    queued(bench.start())
    assert code_of(bench.tick_at(2)) == "overloaded"
    assert bench.status == 503
    assert bench.headers["Retry-After"] == "1"
    assert bench.headers["x-llmwrap-fault"] == "gateway"
    assert bench.headers["x-llmwrap-attempts"] == "0"
    assert "x-llmwrap-upstream" not in bench.headers
    assert bench.in_flight == [1]


def test_failure_is_told_rather_than_that_the_others_are_full() -> None:
    bench = Bench(2)
    bench.start()
    hold(bench.pool, 1)
    assert code_of(bench.relay.failed(START, CUT)) == "upstream_disconnected"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error":{"message":"bad"}}', "invalid_value"),
        (401, b"", "upstream_auth_failed"),
        (413, b"", "request_too_large"),
        (422, b"", "invalid_value"),
        (501, b"", "unsupported_parameter"),
        (302, b"", "upstream_protocol_error"),
    ],
)
def test_refusal_of_the_request_is_not_tried_elsewhere(
    status: int, body: bytes, code: str
) -> None:
    bench = Bench()
    assert bench.begin(status, JSON) is WAIT
    if body:
        assert bench.feed(body) is WAIT
    assert code_of(bench.eof()) == code
    assert len(bench.exchange.attempts) == 1
    assert bench.exchange.attempts[0].status == status
    assert bench.in_flight == [0, 0, 0]


def test_refusal_of_the_request_is_not_to_be_repeated_by_the_client() -> None:
    bench = Bench()
    bench.begin(501, JSON)
    bench.eof()
    assert bench.status == 501
    assert bench.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("status", [404, 408, 425, 424, 429, 500, 502, 503, 504, 529])
def test_failing_upstream_is_passed_over(status: int) -> None:
    bench = Bench()
    bench.begin(status, JSON)
    assert opened_at(bench.eof()) == "u1"


def test_rate_limit_of_every_upstream_says_when_to_come_again() -> None:
    bench = Bench(1)
    bench.begin(429, JSON)
    assert code_of(bench.eof()) == "upstream_rate_limited"
    assert (bench.status, bench.headers["Retry-After"]) == (429, "5")


def test_long_error_answer_is_not_read_to_its_end() -> None:
    bench = Bench(1)
    bench.begin(400, JSON)
    assert bench.feed(b"x" * 65_536) is WAIT
    assert code_of(bench.feed(b"x")) == "invalid_value"


@pytest.mark.parametrize(
    "first", [ERROR_EVENT, b"data: oops\n\n", b": note\n\n" + ERROR_EVENT]
)
def test_error_before_any_frame_is_tried_elsewhere(first: bytes) -> None:
    bench = Bench()
    bench.begin()
    assert opened_at(bench.feed(first)) == "u1"


def test_refusal_as_first_event_has_its_real_status() -> None:
    bench = Bench()
    bench.begin()
    step = bench.feed(b'data: {"error":{"message":"too long","code":400}}\n\n')
    assert code_of(step) == "invalid_value"
    assert bench.status == 400
    assert bench.headers["Content-Type"] == "application/json"


def test_end_before_any_frame_is_tried_elsewhere() -> None:
    bench = Bench()
    bench.begin()
    assert bench.feed(b": keep-alive\n\n") is WAIT
    assert opened_at(bench.eof()) == "u1"


@pytest.mark.parametrize("body", [WHOLE, b'{"error":"busy"}', b"{}"])
def test_plain_answer_to_a_stream_is_tried_elsewhere(body: bytes) -> None:
    bench = Bench()
    bench.begin(200, "application/json; charset=utf-8")
    bench.feed(body)
    assert opened_at(bench.eof()) == "u1"


def test_error_in_a_plain_answer_to_a_stream_has_its_real_status() -> None:
    bench = Bench()
    bench.begin(200, JSON)
    assert bench.feed(b'{"error":{"message":"too long","code":400}}') is WAIT
    assert code_of(bench.eof()) == "invalid_value"
    assert bench.status == 400


def test_page_of_a_proxy_is_tried_elsewhere() -> None:
    bench = Bench()
    bench.begin(200, "text/html")
    bench.feed(b"<html>login</html>")
    assert opened_at(bench.eof()) == "u1"


@pytest.mark.parametrize("status", [204, 301])
def test_status_without_an_answer_is_a_protocol_error(status: int) -> None:
    bench = Bench(1)
    bench.begin(status, "")
    assert code_of(bench.eof()) == "upstream_protocol_error"


def test_plain_answer_that_breaks_is_tried_elsewhere() -> None:
    bench = Bench(stream=False)
    bench.begin(200, JSON)
    assert bench.feed(WHOLE[:50]) is WAIT
    assert opened_at(bench.relay.failed(START, CUT)) == "u1"


def test_facts_of_a_failed_attempt_are_forgotten() -> None:
    bench = Bench(2, service=OLDER_DOCUMENTS)
    bench.begin()
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    assert bench.feed(chunk({}, "length", usage=usage)) is WAIT
    assert opened_at(bench.relay.failed(START, CUT)) == "u1"
    bench.opened()
    bench.feed(TEXT + STOP)
    assert finished(bench.feed(DONE)) == DONE
    assert bench.exchange.usage is None
    assert bench.exchange.finish_reasons == {0: "stop"}


@pytest.mark.parametrize("event", [ERROR_EVENT, b"data: oops\n\n"])
def test_after_a_frame_nothing_is_tried_elsewhere(event: bytes) -> None:
    bench = Bench()
    bench.begin()
    assert given(bench.feed(ROLE)) == ROLE
    sent = finished(bench.feed(event))
    assert sent.startswith(b'data: {"error":{')
    assert bench.in_flight == [0, 0, 0]
    assert len(bench.exchange.attempts) == 1
    assert bench.exchange.outcome == "upstream_abort"


def test_frames_before_the_error_of_one_read_still_leave() -> None:
    bench = Bench()
    bench.begin()
    sent = finished(bench.feed(TEXT + ERROR_EVENT + TEXT + DONE))
    assert sent == TEXT + (
        b'data: {"error":{"message":"boom","type":"upstream_error","param":null,'
        b'"code":"upstream_error"}}\n\n'
    )
    assert bench.status == 200


def test_cut_stream_ends_with_one_error_and_no_done() -> None:
    bench = Bench()
    bench.begin()
    bench.feed(TEXT)
    sent = finished(bench.relay.failed(START, CUT))
    assert orjson.loads(sent.removeprefix(b"data: ")) == {
        "error": {
            "message": "the upstream closed the connection",
            "type": "upstream_error",
            "param": None,
            "code": "upstream_disconnected",
        }
    }
    assert bench.exchange.error is CUT
    assert bench.exchange.attempts[0].error == "upstream_disconnected"


def test_stream_that_ends_in_the_middle_is_an_error() -> None:
    bench = Bench()
    bench.begin()
    bench.feed(TEXT)
    assert b'"code":"upstream_protocol_error"' in finished(bench.eof())


def test_stream_that_ends_without_done_after_its_finish_is_whole() -> None:
    bench = Bench()
    bench.begin()
    bench.feed(TEXT + STOP)
    assert finished(bench.eof()) == DONE
    assert bench.exchange.outcome == "ok"
