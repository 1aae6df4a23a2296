"""Guests: made for the asking, kept by refresh tokens that are good once, upgraded."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from llmwrap.auth import guests
from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import Credentials
from llmwrap.errors import (
    AccountBlocked,
    Forbidden,
    InvalidRequest,
    StorageUnavailable,
    Unauthenticated,
)
from llmwrap.storage import users as stored
from llmwrap.storage.audit import entries
from tests.auth.making import VISIT, FakeClock, make_sources, settings_with

NAMES = guests.Names("bea", "bea@example.com", "Bea B.")


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
    return Identifier(sources).identify(Credentials(f"Bearer {token}"))


def refresh(sources, token):
    return guests.refresh(sources, token, VISIT)


def test_a_guest_is_a_user_of_its_own_in_the_group_of_guests(sources, pair):
    principal = identify(sources, pair.access_token)
    assert (principal.kind, principal.is_guest) == ("guest", True)
    assert principal.id == pair.user.id
    assert principal.name.startswith("guest-")
    assert principal.groups == frozenset({"user"})
    assert principal.may_generate
    assert guests.guest_login(sources, VISIT).user.id != pair.user.id


def test_the_access_token_lives_as_long_as_it_says(sources, pair, clock):
    assert pair.expires_in == 3600
    assert pair.expires_at == int(clock.now) + 3600
    clock.now += 3659
    assert identify(sources, pair.access_token)
    clock.now += 2
    with pytest.raises(Unauthenticated) as refused:
        identify(sources, pair.access_token)
    assert refused.value.code == "token_expired"


def test_guests_are_refused_where_they_are_not_enabled(shelf):
    closed = make_sources(shelf, settings_with(guest=False))
    with pytest.raises(Forbidden, match=r"^guest accounts are not enabled here$"):
        guests.guest_login(closed, VISIT)
    with shelf.reading() as session:
        assert stored.list_users(session, limit=9) == []


def test_a_guest_cannot_sign_in_with_any_password(sources, pair):
    for password in ("", "x"):
        assert not sources.passwords.verify(pair.user, password)


def test_a_refresh_token_gets_the_next_pair_of_the_same_guest(sources, pair):
    newer = refresh(sources, pair.refresh_token)
    assert newer.user.id == pair.user.id
    assert newer.refresh_token not in ("", pair.refresh_token)
    assert newer.access_token != pair.access_token
    assert identify(sources, newer.access_token).id == pair.user.id
    assert refresh(sources, newer.refresh_token)


def test_a_second_use_ends_the_whole_family(sources, pair):
    newer = refresh(sources, pair.refresh_token)
    newest = refresh(sources, newer.refresh_token)
    for token in (pair.refresh_token, newest.refresh_token, newer.refresh_token):
        with pytest.raises(Unauthenticated, match=r"^the refresh token is unknown"):
            refresh(sources, token)


def test_a_second_use_leaves_other_families_alone(sources, pair):
    other = guests.guest_login(sources, VISIT)
    refresh(sources, pair.refresh_token)
    with pytest.raises(Unauthenticated):
        refresh(sources, pair.refresh_token)
    assert refresh(sources, other.refresh_token)


def test_of_uses_at_the_same_moment_one_is_good(sources, pair):
    together = threading.Barrier(6)

    def use(_):
        together.wait(10)
        try:
            return refresh(sources, pair.refresh_token)
        except Unauthenticated:
            return None

    with ThreadPoolExecutor(6) as pool:
        good = [one for one in pool.map(use, range(6)) if one]
    assert len(good) == 1
    # And the others were second uses: it is not known who the thief is.
    with pytest.raises(Unauthenticated):
        refresh(sources, good[0].refresh_token)


def test_a_refresh_token_ends(shelf):
    short = make_sources(shelf, settings_with(refresh_ttl_s=0))
    pair = guests.guest_login(short, VISIT)
    with pytest.raises(Unauthenticated):
        refresh(short, pair.refresh_token)


@pytest.mark.parametrize(
    "token", ["", "rt_", "rt_" + "0" * 64, "x" * 10_000, "\0", "é"]
)
def test_what_is_no_refresh_token_is_refused(sources, pair, token):
    with pytest.raises(Unauthenticated):
        refresh(sources, token)
    assert refresh(sources, pair.refresh_token)


def test_neither_token_is_good_in_the_place_of_the_other(sources, pair):
    with pytest.raises(Unauthenticated):
        refresh(sources, pair.access_token)
    with pytest.raises(Unauthenticated):
        identify(sources, pair.refresh_token)


def test_a_blocked_guest_gets_no_pair_and_keeps_the_token(sources, shelf, pair):
    with shelf.writing() as session:
        stored.add_group(session, pair.user.id, "blocked")
    with pytest.raises(AccountBlocked):
        refresh(sources, pair.refresh_token)
    with shelf.writing() as session:
        stored.remove_group(session, pair.user.id, "blocked")
    assert refresh(sources, pair.refresh_token)


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_a_guest_who_is_gone_gets_no_pair(sources, shelf, pair, how):
    with shelf.writing() as session:
        if how == "disabled":
            stored.set_status(session, pair.user.id, "disabled")
        else:
            stored.delete_user(session, pair.user.id)
    with pytest.raises(Unauthenticated):
        refresh(sources, pair.refresh_token)


def test_nothing_is_used_up_while_the_database_is_away(sources, shelf, pair):
    shelf.away = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        refresh(sources, pair.refresh_token)
    shelf.away = None
    sources.accounts.refresh()
    assert refresh(sources, pair.refresh_token)


def test_a_revoked_refresh_token_takes_its_successors_along(sources, pair):
    newer = refresh(sources, pair.refresh_token)
    guests.revoke(sources, pair.refresh_token, VISIT)
    guests.revoke(sources, pair.refresh_token, VISIT)
    with pytest.raises(Unauthenticated):
        refresh(sources, newer.refresh_token)


def test_revoking_what_nobody_has_is_no_error(sources):
    guests.revoke(sources, "rt_unknown", VISIT)


def test_an_upgraded_guest_is_a_user_with_the_same_id(sources, shelf, pair):
    principal = identify(sources, pair.access_token)
    guests.upgrade(sources, principal, NAMES, VISIT)
    after = identify(sources, pair.access_token)
    assert (after.id, after.kind, after.is_guest) == (pair.user.id, "jwt", False)
    assert (after.name, after.email) == ("bea", "bea@example.com")
    assert after.full_name == "Bea B."
    assert after.groups == principal.groups
    assert refresh(sources, pair.refresh_token).expires_in == 3600


def test_who_is_no_guest_cannot_be_upgraded(sources, pair):
    principal = identify(sources, pair.access_token)
    guests.upgrade(sources, principal, NAMES, VISIT)
    alice = Identifier(sources).identify(Credentials("Basic YWxpY2U6d29uZGVybGFuZA=="))
    other = guests.Names("zed", "zed@example.com")
    for somebody in (principal, alice):
        with pytest.raises(InvalidRequest, match=r"^this account is no guest account$"):
            guests.upgrade(sources, somebody, other, VISIT)


@pytest.mark.parametrize(
    ("username", "email"),
    [
        ("alice", "new@example.com"),
        ("ALICE", "new@example.com"),
        ("new", "Alice@Example.com"),
        ("taken", "new@example.com"),
        ("Taken", "new@example.com"),
        ("new", "TAKEN@example.com"),
        ("taken@example.com", "new@example.com"),
        ("api_key", "new@example.com"),
    ],
)
def test_a_name_that_somebody_has_is_refused(sources, shelf, pair, username, email):
    with shelf.writing() as session:
        stored.add_user(session, username="taken", email="taken@example.com")
    principal = identify(sources, pair.access_token)
    with pytest.raises(InvalidRequest, match=r"is in use$"):
        guests.upgrade(sources, principal, guests.Names(username, email), VISIT)
    assert identify(sources, pair.access_token).is_guest


def test_what_guests_do_is_in_the_audit_log(sources, shelf, pair):
    refresh(sources, pair.refresh_token)
    with pytest.raises(Unauthenticated):
        refresh(sources, pair.refresh_token)
    principal = identify(sources, pair.access_token)
    guests.upgrade(sources, principal, NAMES, VISIT)
    other = guests.guest_login(sources, VISIT)
    guests.revoke(sources, other.refresh_token, VISIT)
    sources.trail.flush()
    with shelf.reading() as session:
        rows = entries(session, limit=9)[::-1]
    guest = pair.user.id
    assert [(row.action, row.outcome, row.actor_id) for row in rows] == [
        ("guest_created", "ok", guest),
        ("refresh", "reused", guest),
        ("guest_upgraded", "ok", guest),
        ("guest_created", "ok", other.user.id),
        ("token_revoked", "ok", ""),
    ]
    assert {(row.ip, row.user_agent, row.request_id) for row in rows} == {
        ("10.0.0.9", "tests/1", "req-1")
    }


def test_a_guest_who_comes_back_is_active(sources, shelf, pair, clock):
    clock.now += 600
    identify(sources, pair.access_token)
    sources.last_use.flush()
    with shelf.writing() as session:
        soon = datetime.fromtimestamp(clock.now - 1, UTC)
        assert stored.purge_guests(session, soon) == 0
        assert stored.purge_guests(session, datetime.fromtimestamp(clock.now + 1, UTC))
