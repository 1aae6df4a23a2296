"""What a caller may do: who shares a count, how many run at once, what answers tell."""

import pytest

from llmwrap.auth.principal import ANONYMOUS, Principal
from llmwrap.errors import ConcurrencyLimited, RateLimited, UpstreamError
from llmwrap.exchange import Exchange
from llmwrap.settings.values import Limits
from tests.auth.asking import ALICE, BODY, admit, admits, exchange, finish
from tests.auth.stores import quotas_for


@pytest.fixture
def minute(clock):
    return quotas_for(Limits(default="3/minute"), clock)


def test_requests_over_the_rate_are_refused_until_the_window_ends(minute, clock):
    assert admits(minute, times=5) == 3
    clock.now += 59.9
    assert admits(minute, times=5) == 0
    clock.now += 0.1
    assert admits(minute, times=5) == 3


def test_every_credential_of_a_user_shares_one_count(minute):
    session = Principal("usr_alice", "jwt", groups=frozenset({"user"}), token_id="t")
    assert admits(minute, ALICE, 2) == 2
    assert admits(minute, session, 2) == 1


def test_users_at_one_address_have_counts_of_their_own(minute):
    bob = Principal("usr_bob", "api_key", groups=frozenset({"user"}))
    assert admits(minute, ALICE, 4) == 3
    assert admits(minute, bob, 4) == 3


def test_a_user_has_one_count_at_all_addresses(minute):
    assert admits(minute, ALICE, 2, "10.0.0.1") == 2
    assert admits(minute, ALICE, 2, "10.0.0.2") == 1


def test_strangers_are_counted_by_network(minute):
    assert admits(minute, ANONYMOUS, 4, "10.0.0.1") == 3
    assert admits(minute, ANONYMOUS, 4, "10.0.0.2") == 3
    assert admits(minute, ANONYMOUS, 2, "2001:db8::1") == 2
    assert admits(minute, ANONYMOUS, 2, "2001:db8::2") == 1
    assert admits(minute, ANONYMOUS, 4, "2001:db8:0:1::1") == 3


def test_a_key_has_a_count_of_its_own_inside_the_users(clock):
    quotas = quotas_for(Limits(default="5/minute"), clock)
    key = Principal("usr_alice", "api_key", key_id="key_1", rate="2/minute")
    other = Principal("usr_alice", "api_key", key_id="key_2", rate="9/minute")
    assert admits(quotas, key, 4) == 2
    assert admits(quotas, other, 9) == 3
    assert admits(quotas, ALICE, 1) == 0


def test_a_request_that_the_key_may_not_send_costs_the_user_nothing(clock):
    quotas = quotas_for(Limits(default="5/minute"), clock)
    key = Principal("usr_alice", "api_key", key_id="key_1", rate="1/minute")
    assert admits(quotas, key, 50) == 1
    assert admits(quotas, ALICE, 9) == 4


def test_a_rate_with_two_spans_holds_both(clock):
    quotas = quotas_for(Limits(default="2/second; 3/minute"), clock)
    assert admits(quotas, times=9) == 2
    clock.now += 1
    assert admits(quotas, times=9) == 1


@pytest.fixture
def two(clock):
    return quotas_for(Limits(default="9/minute", concurrent_requests=2), clock)


def test_so_many_requests_of_one_user_run_at_once(two):
    bob = Principal("usr_bob", "api_key")
    first, second = admit(two), admit(two)
    assert isinstance(admit(two), ConcurrencyLimited)
    assert isinstance(admit(two, principal=bob), Exchange)
    finish(two, first)
    third = admit(two)
    assert isinstance(third, Exchange)
    assert isinstance(admit(two), ConcurrencyLimited)
    finish(two, second, outcome="client_abort")
    finish(two, third, error=UpstreamError("x"))
    assert isinstance(admit(two), Exchange)


def test_lists_and_the_like_do_not_count_as_running(two):
    admit(two), admit(two)
    assert admits(two, times=3) == 3


def test_a_refused_request_holds_nothing_and_costs_nothing(two):
    first, _ = admit(two), admit(two)
    refused = [exchange() for _ in range(20)]
    for one in refused:
        assert not two.admit(ALICE, one, BODY).admitted
        two.settle(one)
    assert isinstance(admit(two), ConcurrencyLimited)
    finish(two, first)
    assert isinstance(admit(two), Exchange)
    assert admits(two, times=9) == 6


def test_headers_tell_both_families_of_clients(clock):
    quotas = quotas_for(Limits(default="100/minute", tokens_per_minute=1000), clock)
    admission = quotas.admit(ALICE, exchange(), BODY)
    clock.now += 0.5
    again = quotas.admit(ALICE, exchange(), BODY)
    assert dict(admission.headers()) == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": "1800000060",
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "898",
        "x-ratelimit-reset-tokens": "1m0s",
    }
    assert dict(again.headers())["x-ratelimit-reset-requests"] == "1m0s"
    assert dict(again.headers())["X-RateLimit-Remaining"] == "98"


def test_of_two_spans_the_one_with_the_least_left_is_told(clock):
    quotas = quotas_for(Limits(default="5/second; 100/hour"), clock)
    told = dict(quotas.admit(ALICE, exchange(), None).headers())
    assert told["X-RateLimit-Limit"] == "5"
    assert told["x-ratelimit-reset-requests"] == "1s"


@pytest.mark.parametrize(
    ("rate", "passed_s", "wait_s", "retry"),
    [
        ("0/minute", 0, 60, "true"),
        ("1/minute", 29.7, 31, "true"),
        ("1/second", 0.9, 1, "true"),
        ("1/hour", 0, 3600, "false"),
    ],
)
def test_refusal_says_when_to_come_again(clock, rate, passed_s, wait_s, retry):
    quotas = quotas_for(Limits(default=rate), clock)
    admits(quotas)
    clock.now += passed_s
    refused = quotas.admit(ALICE, exchange(), None).refusal()
    told = dict(refused.answer_headers())
    assert isinstance(refused, RateLimited)
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert told["Retry-After"] == str(wait_s)
    assert told["x-should-retry"] == retry
    clock.now += wait_s
    assert admits(quotas) == (rate != "0/minute")
    assert refused.message.endswith(f"(requests) is reached; free again in {wait_s} s")


def test_refusal_for_running_requests_has_a_code_of_its_own(two):
    admit(two), admit(two)
    refused = admit(two)
    assert (refused.status, refused.code) == (429, "concurrency_limit_exceeded")
    assert refused.message == "2 requests are running, and that is the limit"
    assert dict(refused.answer_headers())["Retry-After"] == "1"
