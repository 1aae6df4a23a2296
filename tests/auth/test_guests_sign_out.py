"""A guest who signs out: the refresh token of the same sign-in ends, those of others stay."""

import time

import pytest

from llmwrap.auth import guests
from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.sign_in import sign_out
from llmwrap.errors import Unauthenticated
from tests.auth.making import VISIT, FakeClock, bearer, is_good, make_sources


@pytest.fixture
def clock():
    return FakeClock(time.time())


@pytest.fixture
def sources(shelf, clock):
    return make_sources(shelf, clock=clock)


@pytest.fixture
def pair(sources):
    return guests.guest_login(sources, VISIT)


def identify(sources, token):
    return Identifier(sources).identify(bearer(token))


def refresh(sources, token):
    return guests.refresh(sources, token, VISIT)


def test_signing_out_ends_every_token_of_the_same_sign_in(sources, pair, clock):
    newer = refresh(sources, pair.refresh_token)
    sign_out(sources, identify(sources, newer.access_token), VISIT)
    assert not is_good(sources, bearer(newer.access_token))
    assert not is_good(sources, bearer(pair.access_token))
    with pytest.raises(Unauthenticated):
        refresh(sources, newer.refresh_token)
    clock.now += 3700
    sources.accounts.refresh()
    assert not is_good(sources, bearer(newer.access_token))


def test_signing_out_leaves_other_sign_ins_alone(sources, shelf, pair):
    other = guests.guest_login(sources, VISIT)
    second = sources.tokens.issue(pair.user)[0]
    sign_out(sources, identify(sources, pair.access_token), VISIT)
    assert is_good(sources, bearer(second))
    assert is_good(sources, bearer(other.access_token))
    assert refresh(sources, other.refresh_token)


def test_who_signs_out_without_a_family_ends_no_refresh_token(sources, pair):
    token = sources.tokens.issue(pair.user)[0]
    sign_out(sources, identify(sources, token), VISIT)
    assert not is_good(sources, bearer(token))
    assert refresh(sources, pair.refresh_token)
