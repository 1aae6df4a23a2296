"""Counting, in this process and in Redis: all or nothing, and exact for many at once."""

import threading

import pytest

from llmwrap.auth.counters import (
    MemoryCounters,
    Settlement,
    Slot,
    Window,
)
from tests.auth.stores import Memory, Shared, redis_prefix


@pytest.fixture(params=["memory", "redis"])
def store(request, clock):
    if request.param == "memory":
        yield Memory(clock)
        return
    with redis_prefix() as prefix:
        yield Shared(prefix)


@pytest.fixture
def counters(store):
    return store.counters


MINUTE = Window("{a}:60", 3, 60)
HOUR = Window("{a}:3600", 5, 3600)
SLOT = Slot("{a}:running", 2, "one", 60)


def totals(verdict):
    return verdict.admitted, [count.total for count in verdict.counts]


def test_a_window_lets_its_amount_through(counters):
    seen = [totals(counters.admit([MINUTE])) for _ in range(5)]
    assert seen == [
        (True, [1]),
        (True, [2]),
        (True, [3]),
        (False, [3]),
        (False, [3]),
    ]


def test_a_window_begins_with_its_first_charge(store):
    first = store.counters.admit([MINUTE]).counts[0]
    second = store.counters.admit([MINUTE]).counts[0]
    assert first.left_s == pytest.approx(60, abs=1)
    assert second.ends == pytest.approx(first.ends, abs=0.01)
    store.end(MINUTE.key)
    third = store.counters.admit([MINUTE]).counts[0]
    assert third.total == 1
    assert third.left_s == pytest.approx(60, abs=1)


def test_refusal_of_one_window_charges_none(counters):
    other = Window("{a}:1", 1, 1)
    assert totals(counters.admit([other, MINUTE])) == (True, [1, 1])
    assert totals(counters.admit([other, MINUTE])) == (False, [1, 1])
    assert totals(counters.admit([MINUTE])) == (True, [2])


def test_a_refused_request_begins_no_window(counters):
    full = Window("{a}:full", 0, 60)
    assert totals(counters.admit([full, HOUR])) == (False, [0, 0])
    assert totals(counters.admit([HOUR._replace(amount=1)])) == (True, [1])


def test_counts_of_several_callers_are_apart(counters):
    for _ in range(3):
        counters.admit([MINUTE])
    assert totals(counters.admit([MINUTE._replace(key="{b}:60")])) == (True, [1])


def test_a_cost_must_fit_as_a_whole(counters):
    tokens = Window("{a}:tokens", 100, 60, 60)
    assert totals(counters.admit([tokens])) == (True, [60])
    assert totals(counters.admit([tokens])) == (False, [60])
    assert totals(counters.admit([tokens._replace(cost=40)])) == (True, [100])


def test_what_was_too_much_is_given_back_in_the_same_window(counters):
    tokens = Window("{a}:tokens", 100, 60, 60)
    (count,) = counters.admit([tokens]).counts
    counters.settle([Settlement(tokens.key, count.ends, 60, -45)])
    assert totals(counters.admit([tokens])) == (True, [75])


def test_what_was_too_much_is_never_given_back_to_a_later_window(store):
    tokens = Window("{a}:tokens", 100, 60, 60)
    (count,) = store.counters.admit([tokens]).counts
    store.end(tokens.key)
    later = store.counters.admit([tokens._replace(cost=10)]).counts[0]
    ended = count.ends - 60 + store.passed_s
    store.counters.settle([Settlement(tokens.key, ended, 60, -45)])
    assert later.total == 10
    assert totals(store.counters.admit([tokens._replace(cost=1)])) == (True, [11])


def test_no_count_falls_below_nothing(counters):
    tokens = Window("{a}:tokens", 100, 60, 10)
    (count,) = counters.admit([tokens]).counts
    counters.settle([Settlement(tokens.key, count.ends, 60, -500)])
    assert totals(counters.admit([tokens])) == (True, [10])


def test_what_was_too_little_is_charged_beyond_the_amount(counters):
    tokens = Window("{a}:tokens", 100, 60, 60)
    (count,) = counters.admit([tokens]).counts
    counters.settle([Settlement(tokens.key, count.ends, 60, 70)])
    assert totals(counters.admit([tokens._replace(cost=1)])) == (False, [130])


def test_what_was_too_little_is_charged_to_the_window_that_runs_now(store):
    tokens = Window("{a}:tokens", 100, 60, 60)
    (count,) = store.counters.admit([tokens]).counts
    store.end(tokens.key)
    store.counters.settle([Settlement(tokens.key, count.ends, 60, 70)])
    verdict = store.counters.admit([tokens._replace(cost=1)])
    assert totals(verdict) == (True, [71])
    assert verdict.counts[0].left_s == pytest.approx(60, abs=1)


def test_what_was_charged_as_it_was_used_changes_nothing(counters, caplog):
    """Lua's -0 is no integer to Redis 7, and the slot was lost with it."""
    tokens, one = Window("{a}:tokens", 100, 60, 60), SLOT._replace(most=1)
    (count,) = counters.admit([tokens], one).counts
    counters.settle([Settlement(tokens.key, count.ends, 60, 0)], one)
    second = one._replace(holder="two")
    assert totals(counters.admit([tokens._replace(cost=1)], second)) == (True, [61])
    assert caplog.records == []


def test_what_redis_will_not_do_is_logged_and_holds_no_slot(caplog):
    with redis_prefix() as prefix:
        shared, one = Shared(prefix), SLOT._replace(most=1)
        assert shared.counters.admit([], one).admitted
        shared.spoil("{a}:tokens")
        shared.counters.settle([Settlement("{a}:tokens", 0, 60, 5)], one)
        assert shared.counters.admit([], one._replace(holder="two")).admitted
    (line,) = caplog.records
    assert line.msg == "settlement_refused"
    assert "not an integer" in line.error


def test_so_many_run_at_once(counters):
    second, third = SLOT._replace(holder="two"), SLOT._replace(holder="three")
    assert counters.admit([], SLOT).admitted
    assert counters.admit([], second).admitted
    assert not counters.admit([], third).admitted
    counters.settle([], SLOT)
    assert counters.admit([], third).admitted
    assert not counters.admit([], SLOT).admitted


def test_a_slot_is_given_back_once(counters):
    counters.admit([], SLOT)
    counters.admit([], SLOT._replace(holder="two"))
    counters.settle([], SLOT)
    counters.settle([], SLOT)
    assert counters.admit([], SLOT._replace(holder="three")).admitted
    assert not counters.admit([], SLOT._replace(holder="four")).admitted


def test_no_slot_no_charge(counters):
    one = SLOT._replace(most=1)
    assert totals(counters.admit([MINUTE], one)) == (True, [1])
    assert totals(counters.admit([MINUTE], one._replace(holder="b"))) == (False, [1])


def test_no_charge_no_slot(counters):
    full, one = MINUTE._replace(amount=0), SLOT._replace(most=1)
    assert not counters.admit([full], one).admitted
    assert counters.admit([MINUTE], one._replace(holder="b")).admitted


def test_slot_of_a_dead_worker_is_free_after_its_time():
    with redis_prefix() as prefix:
        shared = Shared(prefix)
        assert shared.counters.admit([], SLOT._replace(most=1)).admitted
        assert not shared.counters.admit([], SLOT._replace(most=1)).admitted
        shared.die(SLOT)
        assert shared.counters.admit([], SLOT._replace(most=1)).admitted


def test_many_at_once_get_the_amount_and_no_more(counters):
    window, slot = Window("{a}:60", 100, 60), Slot("{a}:running", 70, "", 60)
    admitted = []

    def ask(worker):
        for number in range(40):
            holder = slot._replace(holder=f"{worker}-{number}")
            admitted.append(counters.admit([window], holder).admitted)
            admitted.append(counters.admit([window]).admitted)

    threads = [threading.Thread(target=ask, args=[worker]) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(admitted), sum(admitted)) == (640, 100)


def test_memory_stays_bounded_and_forgets_the_oldest(clock):
    counters = MemoryCounters(clock=clock, max_keys=2000)
    for number in range(2001):
        counters.admit([Window(f"{number}", 1, 60)])
    assert not counters.admit([Window("2000", 1, 60)]).admitted
    assert counters.admit([Window("0", 1, 60)]).admitted
    assert counters.reset() == 1002


def test_memory_forgets_what_has_ended(clock):
    counters = MemoryCounters(clock=clock)
    for number in range(1023):
        counters.admit([Window(f"{number}", 1, 60)])
    clock.now += 60
    counters.admit([Window("later", 1, 60)])
    counters.admit([Window("last", 1, 60)])
    assert counters.reset() == 2
