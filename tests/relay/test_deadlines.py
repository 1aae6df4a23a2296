"""Deadlines and heartbeats, by a clock that is set by hand.

connect 2 s, first byte 60 s, plain and total 600 s, idle 30 s, heartbeat 15 s.
"""

from dataclasses import replace

import pytest

from llmwrap import errors
from llmwrap.canonical.messages import Operation
from llmwrap.relay.steps import WAIT
from tests.relay.bench import (
    DONE,
    JSON,
    START,
    TEXT,
    TIMEOUTS,
    WHOLE,
    Bench,
    code_of,
    finished,
    given,
    opened_at,
)

UNREACHABLE = errors.UpstreamUnreachable("the upstream cannot be reached")
HEARTBEAT = b": keep-alive\n\n"


def _message(error: errors.GatewayError | None) -> str:
    """The text of the timeout; only the total one is not the upstream's fault."""
    assert isinstance(error, errors.UpstreamTimeout)
    total = error.message.startswith("the total timeout")
    assert isinstance(error, errors.UpstreamOverran) == total
    return error.message


def test_first_byte_timeout_is_504_and_not_retried() -> None:
    bench = Bench(stream=False, operation="embeddings")
    bench.start()
    assert bench.relay.deadline == START + 62
    assert bench.tick_at(61.9) is WAIT
    assert code_of(bench.tick_at(62)) == "upstream_timeout"
    assert bench.status == 504
    assert _message(bench.exchange.error) == "the first byte timeout of 60 s passed"
    assert len(bench.exchange.attempts) == 1
    assert bench.in_flight == [0, 0, 0]
    assert bench.headers["x-should-retry"] == "false"  # it may still be generating


def test_head_of_an_answer_does_not_move_the_first_byte_deadline() -> None:
    bench = Bench(stream=False, operation="embeddings")
    bench.start()
    bench.now = START + 50
    assert bench.opened(200, JSON) is WAIT
    assert bench.relay.deadline == START + 62
    assert code_of(bench.tick_at(62)) == "upstream_timeout"


def test_answer_that_opens_too_late_is_a_timeout() -> None:
    bench = Bench(stream=False, operation="embeddings")
    bench.start()
    bench.now = START + 62
    assert code_of(bench.opened(200, JSON)) == "upstream_timeout"


def test_each_attempt_has_its_own_first_byte_deadline() -> None:
    bench = Bench(stream=False, operation="embeddings")
    bench.start()
    assert opened_at(bench.relay.failed(START + 2, UNREACHABLE)) == "u1"
    assert bench.relay.deadline == START + 64


@pytest.mark.parametrize(
    ("operation", "waits_s"),
    [("chat", 202), ("text_completion", 202), ("embeddings", 62)],
)
def test_plain_answer_may_take_as_long_as_the_model(
    operation: Operation, waits_s: float
) -> None:
    """It begins when the model is done; vectors are not written word by word."""
    timeouts = replace(TIMEOUTS, plain_s=200)
    bench = Bench(stream=False, operation=operation, timeouts=timeouts)
    bench.start()
    assert bench.relay.deadline == START + waits_s
    assert code_of(bench.tick_at(waits_s)) == "upstream_timeout"
    what = f"the first byte timeout of {waits_s - 2} s passed"
    assert _message(bench.exchange.error) == what


@pytest.mark.parametrize("field", ["tools", "functions"])
def test_silence_may_be_longer_where_tools_are_offered(field: str) -> None:
    bench = Bench(fields={field: [{}]})
    bench.begin()
    bench.feed(TEXT)
    assert bench.relay.deadline == START + 120
    bench.tick_at(119.9)
    assert not bench.relay.ended
    bench.tick_at(120)
    assert bench.relay.ended
    assert _message(bench.exchange.error) == "the idle timeout of 120 s passed"


def test_idle_deadline_moves_with_every_read() -> None:
    bench = Bench()
    bench.begin()
    bench.feed(TEXT)
    assert bench.relay.deadline == START + 30
    bench.now = START + 29
    bench.feed(b": still here\n\n")
    assert bench.relay.deadline == START + 59
    assert b'"message":"the idle timeout of 30 s passed"' in finished(bench.tick_at(59))
    assert bench.exchange.outcome == "gateway_timeout"
    assert bench.status == 200


def test_plain_answer_that_falls_silent_is_504() -> None:
    bench = Bench(stream=False)
    bench.begin(200, JSON)
    bench.feed(WHOLE[:10])
    assert code_of(bench.tick_at(30)) == "upstream_timeout"
    assert _message(bench.exchange.error) == "the idle timeout of 30 s passed"
    assert bench.status == 504


def test_total_deadline_ends_a_drip() -> None:
    bench = Bench()
    bench.begin()
    for second in range(0, 600, 29):
        bench.now = START + second
        given(bench.feed(TEXT))
    assert bench.relay.deadline == START + 600
    bench.now = START + 600
    sent = finished(bench.feed(TEXT))
    assert b'"message":"the total timeout of 600 s passed"' in sent
    assert TEXT not in sent
    assert bench.in_flight == [0, 0, 0]


def test_total_deadline_holds_for_all_attempts() -> None:
    bench = Bench(stream=False)
    bench.start()
    assert opened_at(bench.relay.failed(START + 590, UNREACHABLE)) == "u1"
    assert bench.relay.deadline == START + 600
    assert code_of(bench.tick_at(600)) == "upstream_timeout"
    assert _message(bench.exchange.error) == "the total timeout of 600 s passed"


def test_no_attempt_begins_after_the_total_deadline() -> None:
    bench = Bench(stream=False)
    bench.start()
    assert (
        code_of(bench.relay.failed(START + 600, UNREACHABLE)) == "upstream_unreachable"
    )
    assert len(bench.exchange.attempts) == 1


def test_request_that_waited_too_long_before_its_start_is_a_timeout() -> None:
    bench = Bench()
    bench.now = START + 600
    assert code_of(bench.start()) == "upstream_timeout"
    assert bench.exchange.attempts == []


@pytest.mark.parametrize("opened", [False, True])
def test_silent_stream_gets_heartbeats_that_commit_the_status(opened: bool) -> None:
    bench = Bench()
    bench.start()
    if opened:
        bench.opened()
    assert bench.relay.wake_at(START) == START + 15
    assert bench.tick_at(14.9) is WAIT
    assert given(bench.tick_at(15)) == HEARTBEAT
    assert bench.status == 200
    assert bench.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert bench.tick_at(29.9) is WAIT
    assert given(bench.tick_at(30)) == HEARTBEAT
    assert bench.relay.wake_at(START + 30) == START + 45


def test_after_a_heartbeat_a_failure_is_an_event_and_not_retried() -> None:
    bench = Bench()
    bench.start()
    given(bench.tick_at(15))
    sent = finished(bench.relay.failed(START + 16, UNREACHABLE))
    assert sent.startswith(b'data: {"error":{')
    assert len(bench.exchange.attempts) == 1


def test_first_byte_timeout_after_a_heartbeat_is_an_event() -> None:
    bench = Bench()
    bench.start()
    given(bench.tick_at(15))
    assert b'"code":"upstream_timeout"' in finished(bench.tick_at(62))
    assert bench.status == 200
    assert bench.exchange.outcome == "gateway_timeout"


def test_frame_puts_the_heartbeat_off() -> None:
    bench = Bench()
    bench.begin()
    bench.now = START + 10
    given(bench.feed(TEXT))
    assert bench.tick_at(24.9) is WAIT
    assert given(bench.tick_at(25)) == HEARTBEAT
    assert finished(bench.feed(DONE)) == DONE


def test_comment_of_the_upstream_does_not_put_the_heartbeat_off() -> None:
    bench = Bench()
    bench.begin()
    bench.now = START + 10
    assert bench.feed(b": keep-alive\n\n") is WAIT
    assert given(bench.tick_at(15)) == HEARTBEAT


def test_plain_answer_gets_no_heartbeat() -> None:
    bench = Bench(stream=False)
    bench.begin(200, JSON)
    assert bench.relay.wake_at(START) == START + 30
    assert bench.tick_at(20) is WAIT
    assert bench.relay.wake_at(START + 590) == START + 600
    assert bench.relay.head is None
