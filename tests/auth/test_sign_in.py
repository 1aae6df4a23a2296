"""Signing in: one answer for every failure, after the same work."""

import pytest

from llmwrap.auth.credentials import Credentials
from llmwrap.auth.sign_in import sign_in
from llmwrap.auth.turns import Turns
from llmwrap.errors import AccountBlocked, RateLimited, Unauthenticated
from tests.auth.making import VISIT, make_sources


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.com"])
def test_a_good_password_gives_a_token_for_the_configured_time(sources, name):
    signed_in = sign_in(sources, name, "wonderland", VISIT)
    assert signed_in.user.username == "alice"
    assert signed_in.expires_at == 1_800_003_600


def test_the_token_identifies_the_user(sources, identifier):
    token = sign_in(sources, "alice", "wonderland", VISIT).token
    principal = identifier.identify(Credentials(f"Bearer {token}"))
    assert (principal.name, principal.kind) == ("alice", "jwt")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("nobody", "wonderland"),
        ("", "wonderland"),
        ("mallory", "wrong"),
        ("alice", "Wonderland"),
        ("alice", "wonderland\0"),
    ],
)
def test_every_failure_looks_alike_and_costs_one_hash(sources, check, name, password):
    with pytest.raises(Unauthenticated) as refused:
        sign_in(sources, name, password, VISIT)
    assert refused.value.message == "wrong email or password"
    assert refused.value.code == "invalid_api_key"
    assert len(check.calls) == 1


@pytest.mark.parametrize("name", ["alice", "nobody"])
@pytest.mark.parametrize("password", ["", "x" * 1025, "é" * 513])
def test_an_empty_or_huge_password_fails_unhashed(sources, check, name, password):
    with pytest.raises(Unauthenticated, match=r"^wrong email or password$"):
        sign_in(sources, name, password, VISIT)
    assert check.calls == []


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_what_is_nobody_s_password_asks_no_database(shelf, password):
    sources = make_sources(shelf)
    before = shelf.readings
    with pytest.raises(Unauthenticated):
        sign_in(sources, "bea", password, VISIT)
    assert shelf.readings == before


def test_a_failure_does_not_make_a_browser_ask_for_a_password(sources):
    with pytest.raises(Unauthenticated) as refused:
        sign_in(sources, "alice", "wrong", VISIT)
    assert refused.value.answer_headers() == (
        ("WWW-Authenticate", 'Bearer realm="llmwrap"'),
        ("x-llmwrap-fault", "policy"),
    )


def test_a_blocked_user_learns_it_with_the_right_password_only(sources):
    with pytest.raises(AccountBlocked):
        sign_in(sources, "mallory@example.com", "let-me-in", VISIT)


def test_guess_that_has_no_turn_asks_nobody_and_counts_nowhere(shelf, check):
    sources, turns = make_sources(shelf, check=check), Turns(places=0)
    sources.passwords._turns = turns
    before = shelf.readings
    with turns.turn(VISIT.ip):
        for number in range(150):
            with pytest.raises(RateLimited, match="too many password checks at once"):
                sign_in(sources, f"nobody-{number}", "guess", VISIT)
    assert (shelf.readings, check.calls) == (before, [])
    assert sign_in(sources, "alice", "wonderland", VISIT)


def test_200_good_sign_ins_at_one_address_are_no_guesses(sources, check, clock):
    for _ in range(200):
        assert sign_in(sources, "alice", "wonderland", VISIT)
        clock.now += 0.01
    for _ in range(3):
        clock.now += 60
        assert sign_in(sources, "alice", "wonderland", VISIT)
    assert len(check.calls) == 4


def test_100_wrong_passwords_close_an_address_whatever_was_right_between(
    sources, check
):
    for number in range(100):
        with pytest.raises(Unauthenticated):
            sign_in(sources, f"nobody-{number}", "guess", VISIT)
        if number < 99:
            assert sign_in(sources, "alice", "wonderland", VISIT)
    with pytest.raises(RateLimited):
        sign_in(sources, "alice", "wonderland", VISIT)
    assert len(check.calls) == 101
