"""Changing the own password: who may, and what a good one is."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import Credentials
from llmwrap.auth.guests import Names, guest_login, refresh, upgrade
from llmwrap.auth.sign_in import NewPassword, change_password, sign_in
from llmwrap.auth.throttle import Attempt
from llmwrap.errors import Forbidden, InvalidRequest, RateLimited, Unauthenticated
from llmwrap.storage import users as stored
from llmwrap.storage.audit import entries
from tests.auth.making import VISIT, make_sources


@pytest.fixture
def sources(shelf):
    return make_sources(shelf)


@pytest.fixture
def bea(sources, shelf):
    """Signed in: a local user."""
    with shelf.writing() as session:
        stored.add_user(
            session, username="bea", password_hash="fake$s$secret", groups=("user",)
        )
    token = sign_in(sources, "bea", "secret", VISIT).token
    return identify(sources, token)


def identify(sources, token):
    return Identifier(sources).identify(Credentials(f"Bearer {token}"))


@pytest.mark.parametrize("old", ["", "wrong", "Secret", "secret\0"])
def test_the_old_password_is_needed(sources, bea, old):
    with pytest.raises(InvalidRequest) as refused:
        change_password(sources, bea, NewPassword(old, "new secret"), VISIT)
    assert refused.value.param == "password"
    assert sign_in(sources, "bea", "secret", VISIT)


@pytest.mark.parametrize("new", ["", "7 chars", "x" * 1025, "é" * 513])
def test_a_new_password_has_8_characters_and_1024_bytes_at_most(sources, bea, new):
    with pytest.raises(InvalidRequest) as refused:
        change_password(sources, bea, NewPassword("secret", new), VISIT)
    assert refused.value.param == "new_password"


@pytest.mark.parametrize("new", ["8  chars", "pässwörd", "x" * 1024])
def test_a_new_password_is_good_from_now_on(sources, bea, new):
    change_password(sources, bea, NewPassword("secret", new), VISIT)
    assert sign_in(sources, "bea", new, VISIT)


def test_a_reset_by_an_operator_is_not_undone_with_the_old_password(
    sources, shelf, bea
):
    """The worker has seen the account a moment ago, and knows nothing of the reset yet."""
    with shelf.writing() as session:
        stored.set_password(session, bea.id, "fake$s$reset")
    with pytest.raises(Unauthenticated) as refused:
        change_password(sources, bea, NewPassword("secret", "new secret"), VISIT)
    assert refused.value.message == (
        "the password of this account was changed; sign in again"
    )
    with shelf.reading() as session:
        assert stored.user_by_id(session, bea.id).password_hash == "fake$s$reset"
    assert sign_in(sources, "bea", "reset", VISIT)


def test_a_change_of_an_account_that_was_removed_is_refused(sources, shelf, bea):
    with shelf.writing() as session:
        stored.delete_user(session, bea.id)
    with pytest.raises(Unauthenticated):
        change_password(sources, bea, NewPassword("secret", "new secret"), VISIT)


def test_a_predefined_user_has_the_password_of_the_configuration(sources):
    alice = identify(sources, sign_in(sources, "alice", "wonderland", VISIT).token)
    with pytest.raises(Forbidden):
        change_password(sources, alice, NewPassword("wonderland", "new secret"), VISIT)


def test_a_guest_gets_a_password_by_becoming_a_user(sources):
    pair = guest_login(sources, VISIT)
    guest = identify(sources, pair.access_token)
    with pytest.raises(Forbidden):
        change_password(sources, guest, NewPassword("", "new secret"), VISIT)
    upgrade(sources, guest, Names("bea", "bea@example.com"), VISIT)
    with pytest.raises(InvalidRequest):
        change_password(sources, guest, NewPassword("a guess", "new secret"), VISIT)
    change_password(sources, guest, NewPassword("", "new secret"), VISIT)
    assert sign_in(sources, "bea@example.com", "new secret", VISIT)
    with pytest.raises(Unauthenticated):
        refresh(sources, pair.refresh_token, VISIT)


def test_hashing_a_new_password_takes_the_place_of_its_address(shelf):
    busy, go_on = threading.Event(), threading.Event()

    def slow_check(stored, password):
        busy.set()
        return go_on.wait(10)

    passwords = make_sources(shelf, check=slow_check).passwords
    with ThreadPoolExecutor(1) as pool:
        check = pool.submit(passwords.verify, None, "x", Attempt("bea", "10.0.0.1"))
        assert busy.wait(10)
        with pytest.raises(RateLimited):
            passwords.hash("new secret", "10.0.0.1")
        assert passwords.hash("new secret", "10.0.0.2")
        go_on.set()
        assert check.result(10) is False
    assert passwords.hash("new secret", "10.0.0.1")


def test_guesses_of_the_old_password_are_throttled(sources, bea):
    for _ in range(15):
        with pytest.raises(InvalidRequest):
            change_password(sources, bea, NewPassword("guess", "new secret"), VISIT)
    with pytest.raises(RateLimited):
        change_password(sources, bea, NewPassword("guess", "new secret"), VISIT)


def test_no_password_is_shown_by_a_change():
    assert repr(NewPassword("secret", "new secret")) == "NewPassword()"


def test_a_change_is_in_the_audit_log(sources, shelf, bea):
    change_password(sources, bea, NewPassword("secret", "new secret"), VISIT)
    sources.trail.flush()
    with shelf.reading() as session:
        last = entries(session, limit=1)[0]
    assert (last.action, last.actor_id, last.resource_id) == (
        "password_changed",
        bea.id,
        bea.id,
    )
