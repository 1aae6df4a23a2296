"""What many requests do to a pool and the pool to them: ejection, probes, budget, poison."""

import pytest

from llmwrap import errors
from llmwrap.relay.steps import Open
from llmwrap.settings.values import OLDER_DOCUMENTS, ServiceSettings
from llmwrap.upstreams.pool import Pool
from tests.relay.bench import (
    DONE,
    STOP,
    TEXT,
    Bench,
    code_of,
    finished,
    given,
    make_pool,
    opened_at,
)

UNREACHABLE = errors.UpstreamUnreachable("the upstream cannot be reached")
CUT = errors.UpstreamDisconnected("the upstream closed the connection")
DRAINING = errors.Draining("this server is about to stop")


def _asked(bench: Bench) -> list[str]:
    return [attempt.upstream for attempt in bench.exchange.attempts]


def _one_after_another(pool: Pool, count: int, every_s: float) -> list[Bench]:
    """Requests whose every attempt is answered 503."""
    benches = [Bench(pool=pool, at=n * every_s, said=str(n)) for n in range(count)]
    for bench in benches:
        step = bench.start()
        while isinstance(step, Open):
            step = bench.refused_by(503)
    return benches


def _break(pool: Pool, name: str) -> None:
    """Eject `name` at the start: five requests in a row cannot reach it."""
    for n in range(5):
        bench = Bench(pool=pool, said=f"before {n}")
        step = bench.start()
        while opened_at(step) != name:
            step = bench.failed(errors.UpstreamModelMissing("no"))
        bench.failed(UNREACHABLE)
        bench.close()


def test_refused_connection_is_served_by_the_next_and_counts() -> None:
    pool = make_pool(2, max_in_flight=0)
    for n in range(5):
        bench = Bench(pool=pool, said=str(n))
        assert opened_at(bench.start()) == "u0"
        assert opened_at(bench.failed(UNREACHABLE)) == "u1"
        assert bench.served() == TEXT + STOP + DONE
        assert bench.status == 200
        assert bench.headers["x-llmwrap-attempts"] == "2"
        assert bench.exchange.outcome == "ok"
    sixth = Bench(pool=pool)
    assert opened_at(sixth.start()) == "u1"
    assert sixth.served() == TEXT + STOP + DONE
    assert sixth.headers["x-llmwrap-attempts"] == "1"


def test_request_that_resets_two_upstreams_never_reaches_the_third() -> None:
    bench = Bench(3, said="bad")
    assert opened_at(bench.start()) == "u0"
    assert opened_at(bench.failed(CUT)) == "u1"
    assert code_of(bench.failed(CUT)) == "upstream_crashed"
    assert bench.status == 502
    assert bench.headers["x-should-retry"] == "false"
    assert _asked(bench) == ["u0", "u1"]
    again = Bench(pool=bench.pool, at=59, said="bad")
    assert code_of(again.start()) == "upstream_crashed"
    assert again.status == 502
    assert again.headers["x-llmwrap-attempts"] == "0"
    assert bench.in_flight == [0, 0, 0]


def test_other_requests_go_on_and_poison_is_forgotten_after_a_minute() -> None:
    bench = Bench(3, said="bad")
    bench.start()
    bench.failed(CUT)
    bench.failed(CUT)
    other = Bench(pool=bench.pool, at=1, said="good")
    assert opened_at(other.start()) == "u0"
    other.close()
    later = Bench(pool=bench.pool, at=61, said="bad")
    assert opened_at(later.start()) == "u0"


def test_crash_without_a_word_is_suspected_and_one_with_a_word_is_not() -> None:
    bench = Bench(3, said="bad")
    bench.begin(500, "")
    assert opened_at(bench.eof()) == "u1"
    bench.opened(500, "")
    assert code_of(bench.eof()) == "upstream_crashed"
    talking = Bench(3, said="bad")
    talking.start()
    assert opened_at(talking.refused_by(500)) == "u1"
    assert code_of(talking.refused_by(500)) == "upstream_error"


def test_retries_of_a_failing_pool_are_bounded_by_its_budget() -> None:
    benches = _one_after_another(make_pool(3), 100, every_s=2)
    attempts = [len(_asked(bench)) for bench in benches]
    assert min(attempts) == 1
    assert max(attempts) == 3
    assert 100 < sum(attempts) <= 100 + 10 + 10
    assert sum(attempts[-20:]) <= 20 + 2
    assert {bench.status for bench in benches} == {503}


def test_half_open_upstream_is_reached_by_one_of_twenty_requests() -> None:
    pool = make_pool(2, max_in_flight=0)
    _break(pool, "u0")
    before = Bench(pool=pool, at=29.9)
    assert opened_at(before.start()) == "u1"
    together = [Bench(pool=pool, at=30, said=str(n)) for n in range(20)]
    asked = [opened_at(bench.start()) for bench in together]
    assert sorted(asked) == ["u0"] + ["u1"] * 19


def test_probe_that_hangs_is_over_at_its_deadline() -> None:
    pool = make_pool(2, max_in_flight=0)
    _break(pool, "u0")
    hung = Bench(pool=pool, at=30)
    assert opened_at(hung.start()) == "u0"
    assert opened_at(Bench(pool=pool, at=629).start()) == "u1"
    assert opened_at(Bench(pool=pool, at=630).start()) == "u0"


def test_probe_whose_client_leaves_makes_room_for_the_next() -> None:
    pool = make_pool(2, max_in_flight=0)
    _break(pool, "u0")
    probe = Bench(pool=pool, at=30)
    probe.start()
    probe.close()
    assert opened_at(Bench(pool=pool, at=30).start()) == "u0"


def test_two_served_probes_bring_an_upstream_back() -> None:
    pool = make_pool(2, max_in_flight=0)
    _break(pool, "u0")
    for at in (30, 31):
        probe = Bench(pool=pool, at=at)
        assert opened_at(probe.start()) == "u0"
        probe.served()
    asked = [opened_at(Bench(pool=pool, at=32).start()) for _ in range(3)]
    assert asked == ["u0", "u0", "u0"]


def test_of_four_failing_upstreams_two_stay() -> None:
    pool = make_pool(4)
    _one_after_another(pool, 100, every_s=2)
    now = 1000.0 + 200
    states = [upstream.health.state(now) for upstream in pool.upstreams]
    assert states.count("closed") == 2


def test_total_outage_is_503_at_once_with_the_earliest_return() -> None:
    bench = Bench(2)
    bench.start()
    assert opened_at(bench.refused_by(429, rest_s=20)) == "u1"
    assert code_of(bench.refused_by(429, rest_s=7)) == "upstream_rate_limited"
    next_one = Bench(pool=bench.pool, at=1)
    assert code_of(next_one.start()) == "no_healthy_upstream"
    assert (next_one.status, next_one.headers["Retry-After"]) == (503, "6")
    assert _asked(next_one) == []


def test_rate_limit_of_all_tells_the_shortest_rest() -> None:
    bench = Bench(2)
    bench.start()
    bench.refused_by(429, rest_s=20)
    bench.refused_by(429, rest_s=7)
    assert (bench.status, bench.headers["Retry-After"]) == (429, "7")
    assert bench.headers["x-should-retry"] == "false"


def test_rate_limited_upstream_is_left_alone_until_it_said() -> None:
    pool = make_pool(2)
    first = Bench(pool=pool)
    first.start()
    assert opened_at(first.refused_by(429, rest_s=20)) == "u1"
    first.served()
    for at, name in ((19, "u1"), (20, "u0")):
        bench = Bench(pool=pool, at=at)
        assert opened_at(bench.start()) == name
        bench.served()


def test_upstream_without_the_model_is_passed_over_and_remembered() -> None:
    bench = Bench(2)
    bench.start()
    assert opened_at(bench.refused_by(404)) == "u1"
    assert bench.served() == TEXT + STOP + DONE
    u0, u1 = bench.upstreams
    assert u0.lacked("m", 1059.0)
    assert not u0.lacked("m", 1060.0)
    assert not u1.lacked("m", 1000.0)


@pytest.mark.parametrize(
    ("service", "code"), [(None, "model_not_found"), (OLDER_DOCUMENTS, "invalid_model")]
)
def test_model_that_nobody_has_is_404_as_the_service_says_it(
    service: ServiceSettings | None, code: str
) -> None:
    bench = Bench(2, service=service)
    bench.start()
    bench.refused_by(404)
    assert code_of(bench.refused_by(404)) == code
    assert bench.status == 404


def test_refused_key_is_tried_only_where_the_key_is_another() -> None:
    bench = Bench(pool=make_pool(3, keys=("one", "one", "two")))
    bench.start()
    assert opened_at(bench.refused_by(401)) == "u2"
    assert code_of(bench.refused_by(403)) == "upstream_auth_failed"
    assert bench.status == 502


def test_interrupt_before_a_byte_is_503_and_blames_nobody() -> None:
    bench = Bench(2, stream=False)
    bench.start()
    assert code_of(bench.relay.interrupt(bench.now, DRAINING)) == "draining"
    assert bench.status == 503
    assert bench.in_flight == [0, 0]
    (attempt,) = bench.exchange.attempts
    assert attempt.error is None


def test_interrupt_of_a_stream_is_its_last_event() -> None:
    bench = Bench()
    bench.begin()
    given(bench.feed(TEXT))
    sent = finished(bench.relay.interrupt(bench.now, DRAINING))
    assert sent.startswith(b'data: {"error":{')
    assert b'"code":"draining"' in sent
    assert DONE not in sent
    assert bench.status == 200
    assert bench.exchange.outcome == "drained"
    assert bench.in_flight == [0, 0, 0]


def test_interrupt_while_waiting_leaves_the_queue() -> None:
    bench = Bench(1)
    holder = Bench(pool=bench.pool)
    holder.start()
    bench.start()
    assert code_of(bench.relay.interrupt(bench.now, DRAINING)) == "draining"
    assert bench.status == 503
    holder.served()
    assert bench.in_flight == [0]


def test_streams_of_an_upstream_that_dies_eject_it_once() -> None:
    pool = make_pool(2, max_in_flight=0)
    running = [Bench(pool=pool, said=str(n)) for n in range(20)]
    for bench in running:
        assert opened_at(bench.start()) == "u0"
        bench.opened()
        given(bench.feed(TEXT))
    for bench in running:
        assert b'"error"' in finished(bench.failed(CUT))
    (u0, _) = pool.upstreams
    assert u0.health.returns_at(1000.0) == 1030.0


def test_when_one_upstream_wants_a_rest_another_ones_refusal_is_final() -> None:
    bench = Bench(2)
    bench.start()
    assert opened_at(bench.refused_by(429, rest_s=7)) == "u1"
    assert code_of(bench.refused_by(400)) == "invalid_value"
    assert "Retry-After" not in bench.headers
