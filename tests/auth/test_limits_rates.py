"""Which rate holds for whom, and whose requests are counted together."""

import pytest

from llmwrap.auth.principal import ANONYMOUS, Principal
from llmwrap.auth.rates import Rate, RatesOfGroups, caller_of, network_of, read_rates
from llmwrap.settings.values import Limits

MINUTE = 60


def user(*groups, **more):
    return Principal("usr_1", "api_key", groups=frozenset(groups), **more)


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", ()),
        ("100/minute", (Rate(100, 60, "100 per minute"),)),
        ("100 per 1 minute", (Rate(100, 60, "100 per minute"),)),
        ("15/180 second", (Rate(15, 180, "15 per 180 seconds"),)),
        (
            "100/hour; 5/second",
            (Rate(5, 1, "5 per second"), Rate(100, 3600, "100 per hour")),
        ),
        ("9/minute; 5/minute; 7/minute", (Rate(5, 60, "5 per minute"),)),
        ("0/minute", (Rate(0, 60, "0 per minute"),)),
    ],
)
def test_rates_are_read_the_shortest_span_first(text, rates):
    assert read_rates(text) == rates


@pytest.mark.parametrize(
    ("principal", "rate"),
    [
        (user("user"), "100/minute"),
        (user("admin"), "500/minute"),
        (user("user", "admin"), "500/minute"),
        (user("slow", "admin"), "500/minute"),
        (user("slow"), "5/minute"),
        (user("slow", "bursts"), "5/minute"),
        (user("none"), "0/minute"),
        (user("user", is_guest=True), "20/minute"),
        (user("guest"), "20/minute"),
        (user("guest", "admin"), "500/minute"),
        (ANONYMOUS, "100/minute"),
    ],
)
def test_of_several_groups_the_most_generous_rate_holds(principal, rate):
    groups = {
        "admin": "500/minute",
        "slow": "5/minute",
        "bursts": "60/hour",
        "none": "0/minute",
        "guest": "20/minute",
    }
    rates = RatesOfGroups(Limits(default="100/minute", groups=groups))
    assert rates.of(principal) == read_rates(rate)


@pytest.mark.parametrize(("guests", "rate"), [("3/minute", 3), ("2000/minute", 2000)])
def test_the_rate_of_guests_is_theirs_alone(guests, rate):
    """Section 2 row 5: a guest is put in the group `user`, with limits of its own."""
    groups = {"user": "1000/minute", "admin": "5000/minute", "guest": guests}
    rates = RatesOfGroups(Limits(groups=groups))
    for group in ("user", "admin", "guest"):
        (held,) = rates.of(user(group, is_guest=True))
        assert held.amount == rate


def test_guests_without_a_rate_of_their_own_have_that_of_their_group():
    rates = RatesOfGroups(Limits(default="9/minute", groups={"user": "5/minute"}))
    assert rates.of(user("user", is_guest=True)) == read_rates("5/minute")
    assert rates.of(user("other", is_guest=True)) == read_rates("9/minute")


def test_of_equal_rates_the_one_with_the_larger_burst_holds():
    groups = {"a": "1/second", "b": "60/minute"}
    rates = RatesOfGroups(Limits(groups=groups))
    assert rates.of(user("a", "b")) == read_rates("60/minute")


@pytest.mark.parametrize(
    ("amount", "workers", "share"), [(100, 4, 25), (10, 4, 3), (1, 4, 1), (0, 4, 0)]
)
def test_a_workers_share_is_rounded_up(amount, workers, share):
    assert Rate(amount, 60, "").shared(workers).amount == share


def test_a_user_is_counted_by_id_and_a_stranger_by_address():
    assert caller_of(user("user"), "10.0.0.1") == "usr_1"
    assert caller_of(ANONYMOUS, "10.0.0.1") == "address:10.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_an_ipv6_customer_is_a_64_network(address, network):
    assert network_of(address) == network
