"""An identity provider's keys: fetched seldom, kept when the provider is gone."""

import threading

import pytest

from llmwrap.auth.jwks import Jwks
from llmwrap.errors import IdentityProviderUnavailable
from tests.auth.issuer import OTHER_RSA, RSA, jwk, jwks

ONE = jwks(jwk(RSA))
ROTATED = jwks(jwk(RSA), jwk(OTHER_RSA, "rsa-2"))


class Provider:
    """What a fetch gets; every fetch is counted, and can be held up."""

    def __init__(self) -> None:
        self.document: bytes | None = ONE
        self.fetches = 0
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()

    def __call__(self) -> bytes:
        self.fetches += 1
        self.asked.set()
        assert self.gate.wait(10)
        if self.document is None:
            raise OSError("down")
        return self.document


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.gate.set()


@pytest.fixture
def keys(provider, clock):
    return Jwks(provider, clock, wait_s=5)


def numbers(key):
    return key.public_numbers()


def landed(keys):
    """Return once the fetch under way is over: a name that is unknown waits for it."""
    assert keys.find("nobody", "RS256") is None


def test_nothing_is_fetched_before_it_is_needed(provider, keys):
    assert provider.fetches == 0
    found = keys.find("rsa-1", "RS256")
    assert numbers(found) == numbers(RSA.public_key())
    assert provider.fetches == 1


def test_keys_fetched_at_the_start_need_no_other_fetch(provider, keys):
    keys.refresh()
    assert keys.find("rsa-1", "RS256")
    assert provider.fetches == 1


def test_keys_are_kept_for_300_s(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    clock.now += 299.9
    assert keys.find("rsa-1", "RS256")
    assert provider.fetches == 1


def test_after_300_s_new_keys_come_and_nobody_waits(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    provider.document = ROTATED
    provider.asked.clear()
    provider.gate.clear()
    clock.now += 300
    assert keys.find("rsa-1", "RS256")
    assert provider.asked.wait(10)
    provider.gate.set()
    assert keys.find("rsa-2", "RS256")
    assert provider.fetches == 2


def test_a_key_that_is_new_costs_one_fetch(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    provider.document = ROTATED
    clock.now += 31
    assert numbers(keys.find("rsa-2", "RS256")) == numbers(OTHER_RSA.public_key())
    assert keys.find("rsa-1", "RS256")
    assert provider.fetches == 2


def test_a_key_that_was_taken_back_is_gone(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    provider.document = jwks(jwk(OTHER_RSA, "rsa-2"))
    clock.now += 31
    assert keys.find("rsa-2", "RS256")
    assert keys.find("rsa-1", "RS256") is None


def test_a_thousand_unknown_names_cost_one_fetch_in_30_s(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    clock.now += 30
    for number in range(1000):
        assert keys.find(f"forged-{number}", "RS256") is None
    assert provider.fetches == 2
    clock.now += 29.9
    assert keys.find("forged", "RS256") is None
    assert provider.fetches == 2
    clock.now += 0.1
    assert keys.find("forged", "RS256") is None
    assert provider.fetches == 3


def test_a_fetch_that_failed_takes_no_key_away(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    for broken in (None, b"", b"<html>", b'{"keys": []}', b'{"keys": 1}', b"[]"):
        provider.document = broken
        clock.now += 301
        assert keys.find("rsa-1", "RS256")
        landed(keys)
        assert keys.find("rsa-1", "RS256")
    assert provider.fetches == 7


def test_keys_outlive_their_provider_by_a_day(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    provider.document = None
    clock.now += 86_399
    assert keys.find("rsa-1", "RS256")
    clock.now += 1
    with pytest.raises(IdentityProviderUnavailable):
        keys.find("rsa-1", "RS256")


def test_a_provider_that_was_never_reached_is_asked_every_5_s(provider, keys, clock):
    provider.document = None
    for _ in range(3):
        with pytest.raises(IdentityProviderUnavailable) as told:
            keys.find("rsa-1", "RS256")
        assert (told.value.status, told.value.retry_after_s) == (503, 5)
    assert provider.fetches == 1
    provider.document = ONE
    clock.now += 5
    assert keys.find("rsa-1", "RS256")


def test_requests_share_one_fetch(provider, keys):
    provider.gate.clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(keys.find("rsa-1", "RS256")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert provider.asked.wait(10)
    provider.gate.set()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert None not in found
    assert provider.fetches == 1


def test_a_request_waits_for_a_slow_provider_no_longer_than_told(provider, clock):
    provider.gate.clear()
    keys = Jwks(provider, clock, wait_s=0.01)
    with pytest.raises(IdentityProviderUnavailable) as told:
        keys.find("rsa-1", "RS256")
    assert told.value.retry_after_s == 1


def test_no_more_than_8_requests_wait(provider, clock):
    provider.gate.clear()
    keys = Jwks(provider, clock, wait_s=10)
    refused = threading.Semaphore(0)

    def ask():
        try:
            keys.find("rsa-1", "RS256")
        except IdentityProviderUnavailable:
            refused.release()

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert refused.acquire(timeout=5)
    assert refused.acquire(timeout=5)
    provider.gate.set()
    for thread in threads:
        thread.join()
    assert not refused.acquire(blocking=False)


def test_a_fetch_that_was_overtaken_changes_nothing(provider, clock):
    answers = [jwks(jwk(OTHER_RSA, "old")), ONE]
    hold_up = [provider.gate, None]

    def fetch():
        answer, gate = answers.pop(0), hold_up.pop(0)
        provider.asked.set()
        assert gate is None or gate.wait(10)
        return answer

    provider.gate.clear()
    keys = Jwks(fetch, clock, wait_s=10)
    found = []
    first = threading.Thread(target=lambda: found.append(keys.find("rsa-1", "RS256")))
    first.start()
    assert provider.asked.wait(10)
    clock.now += 5
    assert keys.find("rsa-1", "RS256")
    provider.gate.set()
    first.join()
    assert keys.find("rsa-1", "RS256")
    assert keys.find("old", "RS256") is None
    assert None not in found


def test_a_clock_that_was_set_back_stops_no_fetch(provider, keys, clock):
    keys.find("rsa-1", "RS256")
    provider.document = ROTATED
    clock.now -= 3600
    assert keys.find("rsa-2", "RS256")


def test_every_change_is_told_once(provider, keys, clock, caplog):
    caplog.set_level("INFO", "llmwrap.auth.jwks")
    keys.find("rsa-1", "RS256")
    for document in (None, None, ONE, ONE):
        provider.document = document
        clock.now += 30
        landed(keys)
    told = [record.message for record in caplog.records]
    assert told == ["keys_fetched", "keys_not_fetched", "keys_fetched"]
