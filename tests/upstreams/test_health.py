"""The health of one upstream: every arrow of its drawing, by a clock that is set by hand."""

import pytest

from llmwrap.upstreams.health import Health, random_jitter

NOW = 1000.0
FAR = NOW + 10_000


def make_health(jitter: float = 1.0) -> Health:
    return Health(jitter=lambda: jitter)


def _fail(health: Health, times: int, now: float = NOW) -> list[bool]:
    """Attempts that begin and fail at once; whether each was enough for an ejection."""
    return [health.fail(now, health.begin(now, FAR)) for _ in range(times)]


def _succeed(health: Health, times: int, now: float = NOW) -> None:
    for _ in range(times):
        health.succeed(now, health.begin(now, FAR))


def _ejected(now: float = NOW) -> Health:
    health = make_health()
    health.eject(now)
    return health


def test_new_upstream_is_closed_and_available() -> None:
    health = make_health()
    assert health.state(NOW) == "closed"
    assert health.available(NOW)
    assert health.returns_at(NOW) <= NOW


def test_fifth_failure_in_a_row_is_enough() -> None:
    assert _fail(make_health(), 5) == [False, False, False, False, True]


def test_failures_need_not_come_at_the_same_time() -> None:
    health = make_health()
    due = [_fail(health, 1, NOW + hour * 3600)[0] for hour in range(5)]
    assert due == [False, False, False, False, True]


def test_success_breaks_the_row() -> None:
    health = make_health()
    assert not any(_fail(health, 4))
    _succeed(health, 1)
    assert _fail(health, 5) == [False, False, False, False, True]


def test_what_says_nothing_does_not_break_the_row() -> None:
    health = make_health()
    _fail(health, 4)
    health.leave(health.begin(NOW, FAR))
    assert _fail(health, 1) == [True]


def _alternate(health: Health, pairs: int, now: float = NOW) -> list[bool]:
    """A success and a failure by turns."""
    due = []
    for _ in range(pairs):
        _succeed(health, 1, now)
        due += _fail(health, 1, now)
    return due


def test_half_of_twenty_attempts_is_enough() -> None:
    assert _alternate(make_health(), 10) == [False] * 9 + [True]


def test_less_than_half_is_not_enough() -> None:
    health = make_health()
    _succeed(health, 1)
    assert _alternate(health, 50) == [False] * 50


def test_window_forgets_what_is_older_than_30_s() -> None:
    health = make_health()
    _alternate(health, 9)
    assert _alternate(health, 9, NOW + 30.1) == [False] * 9
    assert _alternate(health, 1, NOW + 30.1) == [True]


def test_window_still_knows_what_is_30_s_old() -> None:
    health = make_health()
    _alternate(health, 9)
    assert _alternate(health, 1, NOW + 30) == [True]


def test_ejected_upstream_is_out_for_30_s() -> None:
    health = _ejected()
    assert health.state(NOW + 29.9) == "ejected"
    assert not health.available(NOW + 29.9)
    assert health.returns_at(NOW) == NOW + 30
    assert health.state(NOW + 30) == "half_open"
    assert health.available(NOW + 30)


@pytest.mark.parametrize(("jitter", "seconds"), [(0.9, 27.0), (1.1, 33.0)])
def test_jitter_stretches_the_time(jitter: float, seconds: float) -> None:
    health = make_health(jitter)
    health.eject(NOW)
    assert health.returns_at(NOW) == pytest.approx(NOW + seconds)


def test_jitter_of_its_own_is_a_tenth_either_way() -> None:
    drawn = [random_jitter() for _ in range(200)]
    assert min(drawn) >= 0.9
    assert max(drawn) <= 1.1
    assert len(set(drawn)) > 100


def test_each_ejection_in_a_row_is_longer_up_to_300_s() -> None:
    health = make_health()
    now, times = NOW, []
    for _ in range(12):
        health.eject(now)
        times.append(health.returns_at(now) - now)
        now = health.returns_at(now)
    assert times == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]


def test_half_open_upstream_takes_one_probe_at_a_time() -> None:
    health = _ejected()
    health.begin(NOW + 30, NOW + 92)
    assert not health.available(NOW + 30)
    assert not health.available(NOW + 91.9)
    assert health.returns_at(NOW + 31) == NOW + 92


def test_probe_that_hangs_expires_at_its_deadline() -> None:
    health = _ejected()
    health.begin(NOW + 30, NOW + 92)
    assert health.available(NOW + 92)
    health.begin(NOW + 92, NOW + 154)
    assert not health.available(NOW + 92)


def test_end_of_a_probe_that_had_expired_does_not_end_the_next() -> None:
    health = _ejected()
    hung = health.begin(NOW + 30, NOW + 92)
    health.begin(NOW + 92, NOW + 154)
    assert health.fail(NOW + 93, hung) is False
    assert not health.available(NOW + 93)


def test_two_successes_close() -> None:
    health = _ejected()
    _succeed(health, 1, NOW + 30)
    assert health.state(NOW + 30) == "half_open"
    assert health.available(NOW + 30)
    _succeed(health, 1, NOW + 31)
    assert health.state(NOW + 31) == "closed"


def test_closed_upstream_has_a_clean_slate() -> None:
    health = make_health()
    _fail(health, 19)
    health.eject(NOW)
    health.eject(NOW)
    _succeed(health, 2, NOW + 60)
    assert _fail(health, 4, NOW + 60) == [False] * 4
    _succeed(health, 1, NOW + 60)
    health.eject(NOW + 60)
    assert health.returns_at(NOW + 60) == NOW + 90


def test_closed_upstream_is_not_judged_by_what_ejected_it() -> None:
    health = make_health()
    _alternate(health, 10)
    health.eject(NOW, check_mends=True)
    health.passed_check(NOW + 1)
    _succeed(health, 2, NOW + 1)
    assert health.state(NOW + 1) == "closed"
    assert _fail(health, 2, NOW + 1) == [False, False]


def test_failed_probe_is_enough_to_eject_again_and_longer() -> None:
    health = _ejected()
    assert _fail(health, 1, NOW + 30) == [True]
    health.eject(NOW + 30)
    assert health.state(NOW + 89.9) == "ejected"
    assert health.state(NOW + 90) == "half_open"


def test_success_before_a_failed_probe_does_not_count_afterwards() -> None:
    health = _ejected()
    _succeed(health, 1, NOW + 30)
    assert _fail(health, 1, NOW + 31) == [True]
    health.eject(NOW + 31)
    _succeed(health, 1, NOW + 91)
    assert health.state(NOW + 91) == "half_open"


def test_probe_that_says_nothing_makes_room_for_the_next() -> None:
    """A refused request, or a client that left: neither good nor bad."""
    health = _ejected()
    health.leave(health.begin(NOW + 30, FAR))
    assert health.available(NOW + 31)
    assert health.state(NOW + 31) == "half_open"


def test_attempt_from_before_the_ejection_is_no_probe() -> None:
    health = make_health()
    before = [health.begin(NOW, FAR) for _ in range(4)]
    health.eject(NOW)
    health.begin(NOW + 30, FAR)
    for attempt in before[:2]:
        health.succeed(NOW + 30, attempt)
    assert health.fail(NOW + 43, before[2]) is False
    health.leave(before[3])
    assert health.state(NOW + 43) == "half_open"
    assert not health.available(NOW + 43)


def test_failures_while_it_is_out_do_not_eject_it_again() -> None:
    health = make_health()
    before = [health.begin(NOW, FAR) for _ in range(9)]
    health.eject(NOW + 10)
    assert not any(health.fail(NOW + 11, attempt) for attempt in before)
    assert health.returns_at(NOW + 11) == NOW + 40


def test_rest_is_kept_without_an_ejection() -> None:
    health = make_health()
    health.rest(NOW + 5)
    assert health.state(NOW) == "closed"
    assert not health.available(NOW + 4.9)
    assert health.available(NOW + 5)


def test_shorter_rest_does_not_end_a_longer_one() -> None:
    health = make_health()
    health.rest(NOW + 60)
    health.rest(NOW + 5)
    assert health.returns_at(NOW) == NOW + 60


def test_rest_outlasts_an_ejection_and_the_reverse() -> None:
    health = _ejected()
    health.rest(NOW + 40)
    assert health.returns_at(NOW) == NOW + 40
    other = _ejected()
    other.rest(NOW + 20)
    assert other.returns_at(NOW) == NOW + 30


def test_passed_check_earns_a_probe_and_not_trust() -> None:
    health = make_health()
    health.eject(NOW, check_mends=True)
    health.passed_check(NOW + 1)
    assert health.state(NOW + 1) == "half_open"
    health.begin(NOW + 1, FAR)
    assert not health.available(NOW + 1)


def test_passed_check_does_not_mend_what_it_does_not_check() -> None:
    """An engine that died may list its models all the same."""
    health = _ejected()
    health.passed_check(NOW + 1)
    assert health.state(NOW + 29) == "ejected"
    assert health.state(NOW + 30) == "half_open"


def test_passed_check_of_a_closed_or_half_open_upstream_changes_nothing() -> None:
    closed = make_health()
    closed.passed_check(NOW)
    assert closed.state(NOW) == "closed"
    half_open = _ejected()
    half_open.begin(NOW + 30, FAR)
    half_open.passed_check(NOW + 31)
    assert not half_open.available(NOW + 31)
