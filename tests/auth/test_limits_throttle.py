"""Guessing passwords is slow for who guesses, and for nobody else."""

import pytest

from llmwrap.auth.limits import make_limiting
from llmwrap.errors import RateLimited
from llmwrap.settings.values import Limits, Settings
from tests.auth.making import make_throttle
from tests.auth.stores import redis_prefix, redis_url


@pytest.fixture
def throttle(clock):
    return make_throttle(clock)


@pytest.fixture(params=["memory", "redis"])
def either(request, throttle):
    """A throttle that counts here, and one that counts for all workers."""
    if request.param == "memory":
        yield throttle
        return
    with redis_prefix() as prefix:
        settings = Settings(limits=Limits(storage_url=redis_url()))
        yield make_limiting(settings, prefix=prefix).throttle


def guess(throttle, name, address="10.0.0.1", times=1):
    """How many of so many wrong passwords are checked."""
    for number in range(times):
        try:
            throttle.check(name, address)
            charge = throttle.begin(name, address)
        except RateLimited:
            return number
        throttle.failed(charge)
    return times


def test_a_name_has_15_failures(either):
    assert guess(either, "alice", times=20) == 15


def test_a_throttled_name_is_throttled_at_every_address(either):
    guess(either, "alice", "10.0.0.1", 15)
    with pytest.raises(RateLimited):
        either.check("alice", "10.0.0.2")


def test_another_name_at_the_same_address_is_served(either):
    guess(either, "alice", times=20)
    either.check("bob", "10.0.0.1")


@pytest.mark.parametrize("spelling", ["ALICE", "Alice", "alicE"])
def test_a_name_is_one_name_in_every_spelling(throttle, spelling):
    guess(throttle, "alice", times=15)
    assert guess(throttle, spelling) == 0


@pytest.mark.parametrize("name", ["", "ß", "a" * 10_000, "\ud800", "x/y {z}\n"])
def test_a_name_may_be_anything(either, name):
    assert guess(either, name, times=20) == 15


def test_who_was_let_in_a_moment_ago_is_throttled_without_asking_the_store(either):
    either.recall("alice", "10.0.0.1")
    guess(either, "alice", times=14)
    either.recall("alice", "10.0.0.1")
    guess(either, "Alice")
    with pytest.raises(RateLimited):
        either.recall("alice", "10.0.0.2")
    either.recall("bob", "10.0.0.1")


def test_what_is_remembered_ends_with_its_window(throttle, clock):
    guess(throttle, "alice", times=15)
    clock.now += 180
    throttle.recall("alice", "10.0.0.1")


def test_a_good_check_costs_nothing(either):
    for _ in range(200):
        either.check("alice", "10.0.0.1")
        either.give_back(either.begin("alice", "10.0.0.1"))


def test_an_address_has_100_checks_at_once_whoever_tries(either):
    charges = [either.begin(f"user-{number}", "10.0.0.1") for number in range(100)]
    for _ in range(400):
        with pytest.raises(RateLimited) as refused:
            either.begin("somebody", "10.0.0.1")
    assert 58 <= refused.value.retry_after_s <= 60
    either.begin("somebody", "10.0.0.2")
    either.give_back(charges.pop())
    charges.append(either.begin("somebody", "10.0.0.1"))
    for charge in charges:
        either.give_back(charge)
    checked = sum(guess(either, f"user-{number}") for number in range(150))
    assert checked == 100


def test_what_is_right_after_its_window_takes_nothing_off_the_next(throttle, clock):
    late = throttle.begin("alice", "10.0.0.1")
    clock.now += 60
    assert sum(guess(throttle, f"user-{number}") for number in range(50)) == 50
    throttle.give_back(late)
    assert sum(guess(throttle, f"more-{number}") for number in range(60)) == 50


def test_a_name_is_free_again_180_s_after_its_first_failure(throttle, clock):
    guess(throttle, "alice", times=15)
    clock.now += 150.5
    with pytest.raises(RateLimited) as refused:
        throttle.check("alice", "10.0.0.1")
    assert dict(refused.value.answer_headers())["Retry-After"] == "30"
    assert refused.value.message == "too many failed sign-ins; come again in 30 s"
    clock.now += 29.5
    assert guess(throttle, "alice", times=20) == 15


def test_asking_while_throttled_does_not_make_it_longer(throttle, clock):
    guess(throttle, "alice", times=15)
    clock.now += 100
    guess(throttle, "alice", times=1000)
    clock.now += 80
    throttle.check("alice", "10.0.0.1")


def test_an_address_has_100_failures_in_60_s(either):
    checked = sum(guess(either, f"user-{number}") for number in range(150))
    assert checked == 100
    with pytest.raises(RateLimited):
        either.check("somebody", "10.0.0.1")
    either.check("somebody", "10.0.0.2")


def test_an_address_is_free_again_after_60_s(throttle, clock):
    for number in range(101):
        guess(throttle, f"user-{number}")
    clock.now += 60
    throttle.check("somebody", "10.0.0.1")


def test_an_address_of_ipv6_is_its_network(throttle):
    for number in range(100):
        guess(throttle, f"user-{number}", f"2001:db8::{number}")
    assert guess(throttle, "last", "2001:db8::ffff") == 0
    assert guess(throttle, "last", "2001:db8:0:1::1") == 1


def test_an_address_gets_20_guests_a_minute(either):
    for _ in range(20):
        either.guest_allowed("10.0.0.1")
    with pytest.raises(RateLimited) as refused:
        either.guest_allowed("10.0.0.1")
    assert 58 <= refused.value.retry_after_s <= 60
    either.guest_allowed("10.0.0.2")
    either.check("alice", "10.0.0.1")


def test_500_wrong_passwords_leave_other_users_unharmed(throttle):
    """Row 48: whoever guesses is stopped before a hash is computed."""
    checked = guess(throttle, "alice", "10.6.6.6", 500)
    assert checked == 15
    for number in range(500):
        guess(throttle, f"guess-{number}", "10.6.6.6")
    throttle.check("bob", "10.0.0.1")
    throttle.guest_allowed("10.0.0.1")
