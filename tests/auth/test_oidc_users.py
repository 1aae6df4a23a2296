"""Whom a token of the identity provider stands for: known by issuer and subject alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import Credentials
from llmwrap.auth.oidc import OidcTokens
from llmwrap.auth.sign_in import sign_out
from llmwrap.errors import StorageUnavailable, Unauthenticated
from llmwrap.storage import users as stored
from tests.auth.issuer import OTHER_RSA, SET, SETTINGS, token
from tests.auth.making import ALICE, VISIT, FakeClock, make_sources


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(shelf, clock):
    """Makes a worker that knows the provider."""

    def worker():
        tokens = OidcTokens(SETTINGS, lambda: SET, clock)
        return make_sources(shelf, clock=clock, oidc=tokens)

    return worker


@pytest.fixture
def sources(make):
    return make()


def identify(sources, **claims):
    credentials = Credentials(f"Bearer {token(**claims)}")
    return Identifier(sources).identify(credentials)


def users_of(shelf):
    with shelf.reading() as session:
        return stored.list_users(session, limit=100)


def test_an_account_is_made_at_first_sight(sources, shelf):
    told = {
        "preferred_username": "bea",
        "email": "bea@example.com",
        "name": "Bea B.",
    }
    principal = identify(sources, **told)
    assert principal.kind == "jwt"
    assert principal.subject == "f:1:alice"
    assert principal.groups == frozenset({"user"})
    (user,) = users_of(shelf)
    assert (user.id, user.kind, user.issuer, user.subject) == (
        principal.id,
        "oidc",
        "https://login.example/realms/team",
        "f:1:alice",
    )
    assert (user.username, user.email, user.name) == (
        "bea",
        "bea@example.com",
        "Bea B.",
    )
    assert user.password_hash == ""


def test_the_account_is_found_again_whatever_else_the_token_says(sources, make):
    first = identify(sources, preferred_username="bea", email="bea@example.com")
    again = identify(make(), jti="t2", preferred_username="root", email="x@y.example")
    assert (again.id, again.name, again.email) == (first.id, "bea", "bea@example.com")


def test_another_subject_is_another_account(sources):
    ids = {identify(sources, sub=sub).id for sub in ("1", "2", "1")}
    assert len(ids) == 2


def test_a_token_never_leads_to_an_account_that_was_there(sources, shelf):
    with shelf.writing() as session:
        local = stored.add_user(
            session,
            username="bea",
            email="bea@example.com",
            password_hash="h",
            groups=("admin",),
        )
    principal = identify(sources, preferred_username="bea", email="bea@example.com")
    assert principal.id != local.id
    assert principal.groups == frozenset({"user"})
    assert principal.name != "bea"
    assert principal.email == ""


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "alice"},
        {"preferred_username": "ALICE", "email": "alice@example.com"},
        {"email": "alice@example.com"},
        {"preferred_username": "api_key"},
        {"preferred_username": "a:b"},
        {"preferred_username": "x" * 129},
        {"preferred_username": "", "email": ""},
        {"preferred_username": "a\nb"},
        {"preferred_username": ALICE},
        {"preferred_username": "USR_1"},
        {"preferred_username": "", "email": ALICE},
        {"preferred_username": "bea", "email": ALICE},
    ],
)
def test_names_of_others_and_odd_ones_are_not_taken_over(sources, claims):
    principal = identify(sources, **claims)
    assert principal.id != ALICE
    assert principal.name.casefold() not in ("alice", "alice@example.com", "api_key")
    assert principal.name.isprintable()
    assert not principal.name.casefold().startswith("usr_")
    assert principal.email != ALICE
    assert ":" not in principal.name
    assert 0 < len(principal.name) <= 128


def test_a_name_that_is_taken_gets_an_ending_of_its_own(sources):
    names = [
        identify(sources, sub=str(number), preferred_username="bea").name
        for number in range(3)
    ]
    assert names[0] == "bea"
    assert names[1] != names[2]
    assert all(name.startswith("bea-") and len(name) == 16 for name in names[1:])


def test_workers_that_see_a_user_first_together_make_one_account(make, shelf):
    workers = [make() for _ in range(6)]
    together = threading.Barrier(6)

    def see(worker):
        together.wait(10)
        return identify(worker, preferred_username="bea", email="b@example.com").id

    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(see, workers))
    assert len(ids) == 1
    assert [user.username for user in users_of(shelf)] == ["bea"]


def test_a_bad_token_makes_no_account(sources, shelf):
    credentials = Credentials(f"Bearer {token(key=OTHER_RSA)}")
    with pytest.raises(Unauthenticated):
        Identifier(sources).identify(credentials)
    assert users_of(shelf) == []


def test_a_disabled_user_is_refused_and_not_made_anew(sources, shelf):
    principal = identify(sources)
    with shelf.writing() as session:
        stored.set_status(session, principal.id, "disabled")
    sources.accounts.changed()
    with pytest.raises(Unauthenticated):
        identify(sources)
    assert len(users_of(shelf)) == 1


def test_a_blocked_user_is_blocked(sources, shelf):
    principal = identify(sources)
    with shelf.writing() as session:
        stored.add_group(session, principal.id, "blocked")
    sources.accounts.changed()
    assert identify(sources).blocked


def test_signing_out_ends_this_token_and_no_other(sources):
    principal = identify(sources, jti="t1")
    sign_out(sources, principal, VISIT)
    with pytest.raises(Unauthenticated):
        identify(sources, jti="t1")
    assert identify(sources, jti="t2")


def test_signing_out_ends_a_token_without_an_id_too(sources):
    sign_out(sources, identify(sources, jti=...), VISIT)
    with pytest.raises(Unauthenticated):
        identify(sources, jti=...)
    assert identify(sources, jti=..., sub="other")


def test_who_was_seen_needs_no_database_and_others_are_unavailable(sources, shelf):
    identify(sources)
    shelf.away = StorageUnavailable("away")
    assert identify(sources, jti="t2")
    with pytest.raises(StorageUnavailable):
        identify(sources, sub="other")


def test_without_a_provider_its_tokens_are_nothing(shelf, clock):
    closed = make_sources(shelf, clock=clock)
    with pytest.raises(Unauthenticated, match=r"^invalid session token$"):
        identify(closed)


def test_sessions_of_our_own_stay_good_beside_the_provider(sources):
    alice = sources.accounts.by_username("alice")
    own, _ = sources.tokens.issue(alice)
    principal = Identifier(sources).identify(Credentials(f"Bearer {own}"))
    assert principal.id == ALICE
