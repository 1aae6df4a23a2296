"""Requests that wait for a slot: granted, timed out, given up. The queue is 2 s long."""

from dataclasses import replace

from llmwrap import errors
from llmwrap.relay.steps import WAIT
from tests.relay.bench import (
    DONE,
    START,
    STOP,
    TEXT,
    TIMEOUTS,
    Bench,
    code_of,
    finished,
    given,
    hold,
    make_pool,
    opened_at,
    queued,
)

UNREACHABLE = errors.UpstreamUnreachable("the upstream cannot be reached")
HEARTBEAT = b": keep-alive\n\n"


def test_slot_that_comes_free_is_granted() -> None:
    bench = Bench(2)
    first, second = hold(bench.pool, 0, 1)
    queued(bench.start())
    second.release(1001.0)
    bench.now = 1001.5
    assert opened_at(bench.granted()) == "u1"
    assert bench.in_flight == [1, 1]
    assert bench.served() == TEXT + STOP + DONE
    assert bench.in_flight == [1, 0]
    assert bench.exchange.queued_s == 1.5
    assert bench.headers["server-timing"] == (
        "queue;dur=1500.0, upstream;dur=0.0, total;dur=1500.0"
    )
    assert bench.headers["x-llmwrap-overhead-ms"] == "0.0"
    first.release(1001.5)


def test_slot_of_an_upstream_that_has_rested_is_looked_for_in_time() -> None:
    bench = Bench(2)
    hold(bench.pool, 0)
    bench.upstreams[1].health.rest(START + 1)
    told: list[str] = []
    queued(bench.start()).notify(lambda: told.append("turn"))
    assert bench.relay.wake_at(START) == START + 1
    assert bench.tick_at(0.9) is WAIT
    assert told == []
    assert bench.tick_at(1) is WAIT
    assert told == ["turn"]
    assert opened_at(bench.granted()) == "u1"


def test_wait_for_an_upstream_that_goes_away_is_over_at_once() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    queued(bench.start())
    held.release(START, errors.UpstreamRateLimited("slow down"), rest_s=30)
    assert code_of(bench.granted()) == "no_healthy_upstream"
    assert bench.headers["Retry-After"] == "30"
    assert bench.in_flight == [0]


def test_driver_is_told_of_the_turn() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    told: list[str] = []
    queued(bench.start()).notify(lambda: told.append("turn"))
    held.release(bench.now)
    assert told == ["turn"]


def test_granted_attempt_has_its_whole_first_byte_time() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    queued(bench.start())
    held.release(1001.0)
    bench.now = 1001.0
    bench.granted()
    assert bench.relay.deadline == 1063.0


def test_turn_that_is_told_twice_is_taken_once() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    queued(bench.start())
    assert bench.granted() is WAIT
    held.release(bench.now)
    assert opened_at(bench.granted()) == "u0"
    assert bench.granted() is WAIT
    assert bench.in_flight == [1]


def test_after_2_s_it_is_503_with_a_retry_after() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    queued(bench.start())
    assert bench.relay.wake_at(bench.now) == 1002.0
    assert bench.tick_at(1.9) is WAIT
    assert code_of(bench.tick_at(2)) == "overloaded"
    assert (bench.status, bench.headers["Retry-After"]) == (503, "1")
    assert bench.headers["x-llmwrap-attempts"] == "0"
    assert bench.headers["server-timing"] == (
        "queue;dur=2000.0, upstream;dur=0.0, total;dur=2000.0"
    )
    assert bench.exchange.attempts == []
    held.release(1003.0)
    assert bench.in_flight == [0]


def test_turn_that_comes_with_the_timeout_gives_the_slot_back() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    queued(bench.start())
    held.release(1002.0)
    assert bench.in_flight == [1]
    assert code_of(bench.tick_at(2)) == "overloaded"
    assert bench.in_flight == [0]
    assert bench.granted() is WAIT


def test_client_that_leaves_the_queue_takes_no_slot() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    queued(bench.start())
    bench.close()
    held.release(bench.now)
    assert bench.in_flight == [0]
    assert bench.exchange.outcome == "client_abort"
    assert bench.granted() is WAIT


def test_client_that_leaves_before_it_heard_of_its_turn_gives_the_slot_back() -> None:
    bench = Bench(1)
    (held,) = hold(bench.pool, 0)
    ticket = queued(bench.start())
    held.release(bench.now)
    assert ticket.lease
    assert bench.in_flight == [1]
    bench.close()
    assert bench.in_flight == [0]
    assert bench.granted() is WAIT


def test_turns_go_round_between_users() -> None:
    pool = make_pool(1)
    (held,) = hold(pool, 0)
    users = ("ann", "ann", "ann", "bob")
    benches = [Bench(pool=pool, user=user) for user in users]
    tickets = [queued(bench.start()) for bench in benches]
    held.release(1000.0)
    order: list[int] = []
    for _ in users:
        (turn,) = (n for n in range(4) if tickets[n].lease and n not in order)
        order.append(turn)
        benches[turn].granted()
        benches[turn].served()
    assert order == [0, 3, 1, 2]


def test_newcomer_stands_behind_those_who_wait() -> None:
    pool = make_pool(1)
    (held,) = hold(pool, 0)
    first = Bench(pool=pool)
    queued(first.start())
    held.release(1000.0)
    queued(Bench(pool=pool).start())
    assert opened_at(first.granted()) == "u0"


def test_257th_in_the_queue_is_refused_at_once() -> None:
    pool = make_pool(1)
    hold(pool, 0)
    for _ in range(256):
        queued(Bench(pool=pool).start())
    last = Bench(pool=pool)
    assert code_of(last.start()) == "overloaded"
    assert (last.status, last.headers["Retry-After"]) == (503, "1")


def test_without_a_queue_a_full_pool_is_503_at_once() -> None:
    bench = Bench(1, timeouts=replace(TIMEOUTS, queue_s=0))
    hold(bench.pool, 0)
    assert code_of(bench.start()) == "overloaded"
    assert bench.status == 503


def test_queue_ends_with_the_total_time() -> None:
    bench = Bench(1, timeouts=replace(TIMEOUTS, total_s=1))
    hold(bench.pool, 0)
    queued(bench.start())
    assert bench.relay.deadline == 1001.0
    assert code_of(bench.tick_at(1)) == "overloaded"


def test_ejected_pool_is_not_queued_for() -> None:
    bench = Bench(2)
    for upstream in bench.upstreams:
        upstream.health.rest(1030.0)
    assert code_of(bench.start()) == "no_healthy_upstream"


def test_heartbeat_in_a_long_queue_makes_the_timeout_an_event() -> None:
    bench = Bench(1, timeouts=replace(TIMEOUTS, queue_s=20))
    hold(bench.pool, 0)
    queued(bench.start())
    assert given(bench.tick_at(15)) == HEARTBEAT
    sent = finished(bench.tick_at(20))
    assert sent.startswith(b'data: {"error":{')
    assert b'"code":"overloaded"' in sent
    assert bench.status == 200
    bench.close()
    assert bench.in_flight == [1]


def test_heartbeat_in_a_long_queue_forbids_a_second_attempt() -> None:
    bench = Bench(2, timeouts=replace(TIMEOUTS, queue_s=20))
    held = hold(bench.pool, 0, 1)
    queued(bench.start())
    given(bench.tick_at(15))
    for lease in held:
        lease.release(bench.now)
    assert opened_at(bench.granted()) == "u0"
    assert b'"code":"upstream_unreachable"' in finished(bench.failed(UNREACHABLE))
    assert len(bench.exchange.attempts) == 1
