"""Sessions: a good token stands for the user as the accounts have it now."""

from dataclasses import replace

import pytest

from llmwrap.auth.credentials import Credential
from llmwrap.auth.jwt_tokens import Sessions
from llmwrap.errors import Unauthenticated
from llmwrap.settings.values import User
from tests.auth.making import make_sources, settings_with


def sessions_of(sources):
    return Sessions(sources.accounts, sources.tokens, sources.last_use)


@pytest.fixture
def sessions(sources):
    return sessions_of(sources)


@pytest.fixture
def token(sources):
    return sources.tokens.issue(sources.accounts.by_username("alice"))[0]


def test_a_session_has_the_groups_of_now_not_of_the_sign_in(
    empty_database, token, clock
):
    now = User("alice", "h", "a@example.com", ("admin", "blocked"))
    other = make_sources(empty_database, settings_with(users=(now,)), clock=clock)
    principal = sessions_of(other).authenticate(Credential("bearer", token))
    assert principal.kind == "jwt"
    assert principal.groups == frozenset({"admin", "blocked"})


def test_a_session_names_its_token_and_its_end(sources, sessions, token):
    principal = sessions.authenticate(Credential("bearer", token))
    claims = sources.tokens.verify(token)
    assert (principal.token_id, principal.token_version) == (claims.token_id, 0)
    assert principal.expires_at == 1_800_003_600


def test_a_session_of_a_deleted_user_is_refused(empty_database, token, clock):
    other = make_sources(empty_database, settings_with(users=()), clock=clock)
    with pytest.raises(Unauthenticated, match=r"^invalid session token$"):
        sessions_of(other).authenticate(Credential("bearer", token))


@pytest.mark.parametrize("version", [-1, 1])
def test_a_session_of_another_version_is_refused(sources, sessions, version):
    alice = replace(sources.accounts.by_username("alice"), token_version=version)
    token, _ = sources.tokens.issue(alice)
    with pytest.raises(Unauthenticated, match=r"^invalid session token$"):
        sessions.authenticate(Credential("bearer", token))


@pytest.mark.parametrize(
    "credential",
    [
        Credential("basic", "eyJ.eyJ.x"),
        Credential("bearer", "sk-shared"),
        Credential("bearer", "eyJ.eyJ"),
        Credential("bearer", "eyJ.eyJ.x."),
        Credential("bearer", "xeyJ.eyJ.x"),
    ],
)
def test_what_does_not_look_like_a_jwt_is_not_a_session(sessions, credential):
    assert sessions.authenticate(credential) is None


def test_what_looks_like_a_jwt_is_one_or_is_refused(sessions):
    with pytest.raises(Unauthenticated):
        sessions.authenticate(Credential("bearer", "eyJ.sk.shared"))
