"""What is revoked in one worker: known in the next one with its next look, and mid-answer."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.sign_in import NewPassword, change_password, sign_in, sign_out
from llmwrap.errors import StorageUnavailable, Unauthenticated
from llmwrap.storage import users as stored
from llmwrap.storage.api_keys import revoke_key
from llmwrap.storage.tokens import revoked_tokens
from tests.auth.making import (
    BEAS_PASSWORD,
    VISIT,
    bearer,
    is_good,
    lose_access,
    make_sources,
)


def test_a_session_that_was_ended_here_is_ended_there(here, there, bea):
    token = sign_in(here, "bea", "secret", VISIT).token
    assert is_good(there, bearer(token))
    sign_out(here, Identifier(here).identify(bearer(token)), VISIT)
    assert not is_good(here, bearer(token))
    assert is_good(there, bearer(token))
    there.accounts.refresh()
    assert not is_good(there, bearer(token))


def test_only_the_own_session_is_ended(here, bea):
    first, second = (sign_in(here, "bea", "secret", VISIT).token for _ in range(2))
    sign_out(here, Identifier(here).identify(bearer(first)), VISIT)
    assert is_good(here, bearer(second))


def test_an_ended_session_is_kept_until_no_clock_would_take_it(
    here, shelf, bea, wall_clock
):
    token = sign_in(here, "bea", "secret", VISIT).token
    sign_out(here, Identifier(here).identify(bearer(token)), VISIT)
    now = datetime.fromtimestamp(wall_clock.now, UTC)
    with shelf.reading() as session:
        assert revoked_tokens(session, now + timedelta(seconds=3659))
        assert not revoked_tokens(session, now + timedelta(seconds=3661))


def test_signing_out_by_a_password_ends_nothing(here, shelf, bea):
    principal = Identifier(here).identify(BEAS_PASSWORD)
    sign_out(here, principal, VISIT)
    with shelf.reading() as session:
        assert revoked_tokens(session, datetime.now(UTC)) == set()


def test_signing_out_is_not_promised_while_the_database_is_away(here, shelf, bea):
    token = sign_in(here, "bea", "secret", VISIT).token
    principal = Identifier(here).identify(bearer(token))
    shelf.away = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        sign_out(here, principal, VISIT)
    assert is_good(here, bearer(token))


def test_a_new_password_ends_every_session_before_and_begins_one(here, there, bea):
    before = sign_in(there, "bea", "secret", VISIT).token
    principal = Identifier(here).identify(bearer(before))
    assert is_good(there, bearer(before))
    after = change_password(
        here, principal, NewPassword("secret", "new secret"), VISIT
    ).token
    assert not is_good(here, bearer(before))
    assert is_good(here, bearer(after))
    assert is_good(there, bearer(after)), "a newer token than this worker has heard of"
    there.accounts.refresh()
    assert not is_good(there, bearer(before))


def test_the_old_password_is_good_no_longer(here, there, bea):
    assert sign_in(there, "bea", "secret", VISIT)
    principal = Identifier(here).identify(BEAS_PASSWORD)
    change_password(here, principal, NewPassword("secret", "new secret"), VISIT)
    there.accounts.refresh()
    there.accounts.changed()
    for sources in (here, there):
        assert sign_in(sources, "bea", "new secret", VISIT)
        with pytest.raises(Unauthenticated):
            sign_in(sources, "bea", "secret", VISIT)


def test_a_key_that_was_revoked_there_ends_here(here, there, shelf, bea, key):
    assert is_good(here, bearer(key[1]))
    with shelf.writing() as session:
        assert revoke_key(session, key[0].id, user_id=bea.id, now=datetime.now(UTC))
    assert is_good(here, bearer(key[1])), "remembered for a moment"
    here.accounts.refresh()
    assert not is_good(here, bearer(key[1]))
    assert not is_good(there, bearer(key[1]))


def test_what_a_slower_clock_wrote_late_is_not_missed(
    here, shelf, bea, key, wall_clock
):
    assert is_good(here, bearer(key[1]))
    here.accounts.refresh()
    with shelf.writing() as session:
        before = datetime.fromtimestamp(wall_clock.now - 100, UTC)
        revoke_key(session, key[0].id, user_id=bea.id, now=before)
    here.accounts.refresh()
    assert not is_good(here, bearer(key[1]))


def test_a_key_outlives_the_password_of_its_user(here, shelf, bea, key):
    with shelf.writing() as session:
        stored.set_password(session, bea.id, "fake$salt$other")
    here.accounts.changed()
    assert is_good(here, bearer(key[1]))


@pytest.mark.parametrize("how", ["blocked", "disabled", "deleted"])
def test_a_key_shares_the_fate_of_its_user(here, shelf, bea, key, how):
    assert is_good(here, bearer(key[1]))
    lose_access(shelf, bea, how)
    here.accounts.refresh()
    if how == "blocked":
        assert Identifier(here).identify(bearer(key[1])).blocked
    else:
        assert not is_good(here, bearer(key[1]))


def test_a_slow_look_does_not_replace_a_later_one(here, shelf, bea):
    """A worker's own write must not be undone by a look that began before it."""
    token = sign_in(here, "bea", "secret", VISIT).token
    principal = Identifier(here).identify(bearer(token))
    begun, go_on = threading.Event(), threading.Event()
    quick = shelf.reading

    @contextmanager
    def slow():
        shelf.reading = quick
        with quick() as session:
            yield session
            begun.set()
            assert go_on.wait(10)

    shelf.reading = slow
    look = threading.Thread(target=here.accounts.refresh)
    look.start()
    assert begun.wait(10)
    sign_out(here, principal, VISIT)
    go_on.set()
    look.join(10)
    assert not is_good(here, bearer(token))


@pytest.mark.parametrize("how", ["blocked", "disabled", "deleted", "password"])
def test_what_happened_long_ago_holds_without_being_held(
    shelf, here, bea, wall_clock, how
):
    """A worker's picture has what is new; older deeds are told by the rows themselves."""
    token = sign_in(here, "bea", "secret", VISIT).token
    lose_access(shelf, bea, how)
    wall_clock.now += 600
    late = make_sources(shelf, clock=wall_clock)
    late.accounts.refresh()
    assert late.accounts.standing._known.accounts == {}
    if how == "blocked":
        assert Identifier(late).identify(bearer(token)).blocked
    else:
        assert not is_good(late, bearer(token))


@pytest.mark.parametrize("how", ["blocked", "disabled", "password"])
def test_a_predefined_user_has_no_other_record_of_what_happened(
    shelf, here, wall_clock, how
):
    alice = here.accounts.by_username("alice")
    token = sign_in(here, "alice", "wonderland", VISIT).token
    here.accounts.ensure_row(alice)
    lose_access(shelf, alice, how)
    wall_clock.now += 600
    late = make_sources(shelf, clock=wall_clock)
    late.accounts.refresh()
    if how == "blocked":
        assert Identifier(late).identify(bearer(token)).blocked
    else:
        assert not is_good(late, bearer(token))
