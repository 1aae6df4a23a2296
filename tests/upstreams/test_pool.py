"""Slots on the upstreams of a pool: who gets one, how many there are, how they come back."""

import threading
from collections.abc import Callable

import pytest

from llmwrap.errors import NoHealthyUpstream
from llmwrap.upstreams.pool import Lease, Pool
from tests.upstreams.making import (
    FAR,
    NOW,
    leased,
    make_pool,
    make_upstream,
    make_upstreams,
)


def _names(pool: Pool, count: int) -> str:
    """The upstreams of `count` leases that are all held."""
    return " ".join(leased(pool).upstream.name for _ in range(count))


def test_first_takes_the_spare_only_when_the_first_is_full() -> None:
    pool = make_pool(*make_upstreams("abc", max_in_flight=2), policy="first")
    assert _names(pool, 6) == "a a b b c c"


def test_round_robin_takes_each_in_turn() -> None:
    pool = make_pool(*make_upstreams("abc"), policy="round_robin")
    assert _names(pool, 5) == "a b c a b"


def test_least_busy_evens_out_and_shares_ties_in_turn() -> None:
    pool = make_pool(*make_upstreams("abc"), policy="least_busy")
    held = [leased(pool) for _ in range(6)]
    assert sorted(lease.upstream.name for lease in held) == list("aabbcc")
    idle = [lease for lease in held if lease.upstream.name == "b"]
    for lease in idle:
        lease.release(NOW)
    assert _names(pool, 2) == "b b"


def test_least_busy_spreads_requests_that_come_one_by_one() -> None:
    pool = make_pool(*make_upstreams("abc"), policy="least_busy")
    seen = []
    for _ in range(6):
        lease = leased(pool)
        seen.append(lease.upstream.name)
        lease.release(NOW)
    assert sorted(seen) == list("aabbcc")


def test_tried_and_not_serving_upstreams_are_left_out() -> None:
    a, b, c = make_upstreams("abc")
    pool = make_pool(a, b, c, policy="first")
    assert leased(pool, (a, b, c), {a}).upstream is b
    assert leased(pool, (c,)).upstream is c
    with pytest.raises(NoHealthyUpstream):
        pool.lease((a, b), {a, b}, NOW, FAR)


def test_full_pool_gives_no_slot_until_one_comes_back() -> None:
    pool = make_pool(make_upstream("a", max_in_flight=1))
    lease = leased(pool)
    assert pool.lease(pool.upstreams, (), NOW, FAR) is None
    lease.release(NOW)
    assert leased(pool).upstream.name == "a"


def test_release_gives_one_slot_back_however_often_it_is_called() -> None:
    pool = make_pool(make_upstream("a"))
    first, second = leased(pool), leased(pool)
    for _ in range(3):
        first.release(NOW)
    assert second.upstream.in_flight == 1


def test_no_limit_never_fills() -> None:
    upstream = make_upstream("a", max_in_flight=0)
    pool = make_pool(upstream)
    _names(pool, 500)
    assert (upstream.in_flight, upstream.full) == (500, False)


def test_threads_that_lease_at_once_never_pass_the_limit() -> None:
    upstream = make_upstream("a", max_in_flight=3)
    pool = make_pool(upstream)
    barrier = threading.Barrier(8)
    seen: list[int] = []
    refused: list[int] = []

    def hammer() -> None:
        barrier.wait(10)
        for _ in range(200):
            lease = pool.lease(pool.upstreams, (), NOW, FAR)
            if lease is None:
                refused.append(1)
            else:
                seen.append(upstream.in_flight)
                lease.release(NOW)

    _run_together([hammer] * 8)
    assert len(seen) + len(refused) == 1600
    assert 1 <= max(seen) <= 3
    assert upstream.in_flight == 0


def test_of_two_threads_that_want_the_last_slot_one_gets_it() -> None:
    upstream = make_upstream("a", max_in_flight=1)
    pool = make_pool(upstream)
    barrier = threading.Barrier(2)
    for _ in range(50):
        got: list[Lease] = []

        def want(got: list[Lease] = got) -> None:
            barrier.wait(10)
            if lease := pool.lease(pool.upstreams, (), NOW, FAR):
                got.append(lease)

        _run_together([want, want])
        assert [lease.upstream.in_flight for lease in got] == [1]
        got[0].release(NOW)


def _run_together(targets: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    ("patterns", "model", "matches"),
    [
        (("Mistral-*",), "Mistral-Small", True),
        (("Mistral-*",), "mistral-small", False),
        (("Mistral-*",), "Mistral", False),
        (("a", "b?"), "b1", True),
        (("a", "b?"), "b12", False),
        (("org/*",), "org/deep:tag", True),
        (("*",), "", True),
        (("[ab]x",), "bx", True),
        ((), "a", False),
    ],
)
def test_family_is_told_by_patterns_whose_case_counts(
    patterns: tuple[str, ...], model: str, matches: bool
) -> None:
    assert make_pool(make_upstream("a"), models=patterns).matches(model) == matches


def test_owner_is_that_of_the_dialect_where_none_is_set() -> None:
    assert make_pool(make_upstream("a")).owned_by == "vllm"
    assert make_pool(make_upstream("a"), owned_by="us").owned_by == "us"


def test_upstream_knows_its_address_key_and_plain_names() -> None:
    upstream = make_upstream("a", ("plain", "wild*", "one?", "[x]"), api_key="sk-1")
    assert upstream.url == "http://a/v1"
    assert upstream.credentials == (("Authorization", "Bearer sk-1"),)
    assert upstream.named_models == ("plain",)
    assert "sk-1" not in repr(upstream)
    assert make_upstream("b").credentials == ()
