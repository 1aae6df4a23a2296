"""What the ends of attempts do to a pool: who is ejected, who rests, who comes back."""

import logging

import pytest

from llmwrap import errors
from llmwrap.upstreams.pool import Ending, Pool
from llmwrap.upstreams.upstream import Upstream
from tests.upstreams.making import (
    FAR,
    NOW,
    leased,
    make_pool,
    make_upstream,
    make_upstreams,
)

BROKEN = errors.UpstreamUnavailable("the upstream failed with status 502")
LIMITED = errors.UpstreamRateLimited("slow down", retry_after_s=5)
REFUSED = errors.UpstreamRefusal(400, "c", "no")


def _fail(pool: Pool, upstream: Upstream, times: int = 5, now: float = NOW) -> None:
    for _ in range(times):
        leased(pool, (upstream,), now=now).release(now, BROKEN)


def _out(pool: Pool, now: float = NOW) -> str:
    """The upstreams that take nothing."""
    return "".join(each.name for each in pool.upstreams if not each.available(now))


def _refused(pool: Pool, now: float = NOW) -> tuple[int, str, float | None]:
    with pytest.raises(errors.NoHealthyUpstream) as caught:
        pool.lease(pool.upstreams, (), now, FAR)
    return caught.value.status, caught.value.code, caught.value.retry_after_s


def test_fifth_failure_ejects_and_the_others_serve() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b, policy="first")
    _fail(pool, a, 4)
    assert _out(pool) == ""
    _fail(pool, a, 1)
    assert _out(pool) == "a"
    assert leased(pool).upstream is b
    assert leased(pool, now=NOW + 30).upstream is a


def test_ejection_is_logged_and_has_the_models_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "llmwrap")
    a, b = make_upstreams("ab")
    _fail(make_pool(a, b), a)
    (record,) = caplog.records
    assert record.getMessage() == "upstream_ejected"
    assert (record.__dict__["upstream"], record.__dict__["error"]) == (
        "a",
        "upstream_error",
    )
    assert a.ask_soon.is_set()
    assert not b.ask_soon.is_set()


@pytest.mark.parametrize(
    ("names", "out"), [("a", ""), ("ab", "a"), ("abc", "a"), ("abcd", "ab")]
)
def test_at_most_half_of_a_pool_is_ejected_and_never_the_last(
    names: str, out: str
) -> None:
    upstreams = make_upstreams(names)
    pool = make_pool(*upstreams)
    for _ in range(20):
        for upstream in upstreams:
            if upstream.available(NOW):
                _fail(pool, upstream, 1)
    assert _out(pool) == out


def test_half_open_upstream_still_counts_as_out() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    _fail(pool, a)
    _fail(pool, b, 9, NOW + 30)
    assert _out(pool, NOW + 30) == ""
    for _ in range(2):
        leased(pool, (a,), now=NOW + 30).release(NOW + 30, "served")
    _fail(pool, b, 1, NOW + 30)
    assert _out(pool, NOW + 30) == "b"


def test_half_open_upstream_gets_one_request_at_a_time() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b, policy="first")
    _fail(pool, a)
    got = [leased(pool, now=NOW + 30) for _ in range(20)]
    assert [lease.upstream.name for lease in got].count("a") == 1


@pytest.mark.parametrize("ending", ["left", REFUSED, LIMITED])
def test_probe_that_says_nothing_leaves_the_upstream_half_open(
    ending: Ending,
) -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    _fail(pool, a)
    leased(pool, (a,), now=NOW + 30).release(NOW + 30, ending)
    assert a.health.state(NOW + 40) == "half_open"
    assert a.available(NOW + 40)


def test_failed_probe_is_out_for_a_minute() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    _fail(pool, a)
    _fail(pool, a, 1, NOW + 30)
    assert not a.available(NOW + 89)
    assert a.available(NOW + 90)


def test_passed_check_earns_an_ejected_upstream_a_probe() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    _fail(pool, a)
    pool.passed_check(a, NOW + 1)
    assert leased(pool, (a,), now=NOW + 1)
    assert not a.available(NOW + 1)


def test_who_fails_to_generate_is_out_for_its_time_whatever_it_lists() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    for _ in range(5):
        leased(pool, (a,)).release(NOW, errors.UpstreamError("engine dead"))
    pool.passed_check(a, NOW + 1)
    assert _out(pool, NOW + 29) == "a"


def test_probe_whose_answer_has_begun_lets_the_next_one_in() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    _fail(pool, a)
    for _ in range(2):
        probe = leased(pool, (a,), now=NOW + 30)
        assert not a.available(NOW + 30)
        pool.begun(probe, NOW + 31)
        assert a.available(NOW + 31)
    assert a.health.state(NOW + 31) == "closed"
    assert a.in_flight == 2


def test_answer_that_begins_at_a_good_upstream_changes_nothing() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    _fail(pool, a, 4)
    pool.begun(leased(pool, (a,)), NOW)
    _fail(pool, a, 1)
    assert _out(pool) == "a"


@pytest.mark.parametrize("ending", ["left", "served", REFUSED, LIMITED])
def test_what_is_no_failure_never_ejects(ending: Ending) -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    for n in range(50):
        leased(pool, (a,), now=NOW + 5 * n).release(NOW + 5 * n, ending)
    assert a.health.state(NOW + 250) == "closed"


def test_limited_upstream_rests_as_long_as_it_asked_for() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b, policy="first")
    leased(pool).release(NOW, LIMITED, rest_s=20)
    assert leased(pool).upstream is b
    assert leased(pool, now=NOW + 19.9).upstream is b
    assert leased(pool, now=NOW + 20).upstream is a


def test_limited_upstream_that_did_not_say_rests_5_s() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b, policy="first")
    leased(pool).release(NOW, LIMITED)
    assert _out(pool, NOW + 4.9) == "a"
    assert _out(pool, NOW + 5) == ""


def test_only_upstream_rests_only_if_it_asked_for_it() -> None:
    pool = make_pool(make_upstream("a"))
    leased(pool).release(NOW, LIMITED)
    assert _out(pool) == ""
    leased(pool).release(NOW, LIMITED, rest_s=20)
    assert _out(pool, NOW + 19.9) == "a"


def test_when_all_are_out_the_earliest_return_is_told() -> None:
    a, b, c = make_upstreams("abc")
    pool = make_pool(a, b, c)
    _fail(pool, a)
    leased(pool, (b,)).release(NOW, LIMITED, rest_s=12)
    leased(pool, (c,)).release(NOW, LIMITED, rest_s=20)
    assert _refused(pool) == (503, "no_healthy_upstream", 12)
    assert _refused(pool, NOW + 11.9) == (503, "no_healthy_upstream", 1)
    assert leased(pool, now=NOW + 12).upstream is b


def test_draining_upstream_takes_nothing_and_what_runs_goes_on() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b, policy="first")
    running = leased(pool)
    a.draining = True
    assert leased(pool).upstream is b
    running.release(NOW, "served")
    assert a.in_flight == 0
    a.draining = False
    assert leased(pool).upstream is a


def test_draining_upstream_is_no_promise_of_a_return() -> None:
    a, b = make_upstreams("ab")
    pool = make_pool(a, b)
    b.draining = True
    leased(pool, (a,)).release(NOW, LIMITED, rest_s=20)
    assert _refused(pool) == (503, "no_healthy_upstream", 20)
    a.draining = True
    assert _refused(pool) == (503, "no_healthy_upstream", 1)


def test_absent_model_is_believed_for_its_time_and_alone() -> None:
    a = make_upstream("a")
    a.lacks("m", NOW + 60)
    assert a.lacked("m", NOW + 59.9)
    assert not a.lacked("m", NOW + 60)
    assert not a.lacked("n", NOW)


def test_absent_models_are_bounded() -> None:
    a = make_upstream("a")
    for n in range(256):
        a.lacks(f"m{n}", NOW + 60)
    assert a.lacked("m0", NOW)
    a.lacks("one more", NOW + 60)
    assert a.lacked("one more", NOW)
    assert not a.lacked("m0", NOW)


def test_poison_is_refused_by_its_pool_alone() -> None:
    a, b = make_upstreams("ab")
    pool, other = make_pool(a, b), make_pool(a, b)
    assert not pool.suspicious
    assert pool.begin_request(b"bad", NOW)
    assert pool.crashed(b"bad", a, NOW) is False
    assert pool.suspicious
    assert pool.crashed(b"bad", b, NOW) is True
    assert not pool.begin_request(b"bad", NOW + 60)
    assert pool.begin_request(b"good", NOW)
    assert pool.begin_request(b"bad", NOW + 61)
    assert other.begin_request(b"bad", NOW)
