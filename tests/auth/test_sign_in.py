"""Signing in: one answer for every failure, after the same work."""

import pytest

from llmwrap.auth.credentials import Credentials
from llmwrap.auth.sign_in import sign_in
from llmwrap.errors import AccountBlocked, Unauthenticated


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.com"])
def test_a_good_password_gives_a_token_for_the_configured_time(sources, name):
    signed_in = sign_in(sources, name, "wonderland")
    assert signed_in.user.username == "alice"
    assert signed_in.expires_at == 1_800_003_600


def test_the_token_identifies_the_user(sources, identifier):
    token = sign_in(sources, "alice", "wonderland").token
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
        sign_in(sources, name, password)
    assert refused.value.message == "wrong email or password"
    assert refused.value.code == "invalid_api_key"
    assert len(check.calls) == 1


@pytest.mark.parametrize("name", ["alice", "nobody"])
@pytest.mark.parametrize("password", ["", "x" * 1025, "é" * 513])
def test_an_empty_or_huge_password_fails_unhashed(sources, check, name, password):
    with pytest.raises(Unauthenticated, match=r"^wrong email or password$"):
        sign_in(sources, name, password)
    assert check.calls == []


def test_a_failure_does_not_make_a_browser_ask_for_a_password(sources):
    with pytest.raises(Unauthenticated) as refused:
        sign_in(sources, "alice", "wrong")
    assert refused.value.answer_headers() == (
        ("WWW-Authenticate", 'Bearer realm="llmwrap"'),
        ("x-llmwrap-fault", "policy"),
    )


def test_a_blocked_user_learns_it_with_the_right_password_only(sources):
    with pytest.raises(AccountBlocked):
        sign_in(sources, "mallory@example.com", "let-me-in")
