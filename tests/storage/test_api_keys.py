"""API keys: found by hash alone, judged by the caller, ended for good."""

import uuid
from itertools import chain

import pytest

from llmwrap.storage.api_keys import (
    count_active_keys,
    key_by_hash,
    key_by_id,
    keys_of,
    list_keys,
    revoke_key,
    revoked_keys_since,
    touch_keys,
)
from llmwrap.storage.users import UnknownUser, add_user, delete_user, set_groups
from tests.storage.rows import HOUR, NOW, alice, key


@pytest.fixture
def session(database):
    with database.writing() as session:
        yield session


def test_key_is_found_with_its_user_as_it_was_added(session):
    user = alice(session, groups=["user", "admin"])
    scopes = {"services": ("chat", "code"), "models": ("Mistral-*",)}

    added = key(session, user, scopes=scopes, expires_at=NOW, rate_limit="20/minute")

    assert uuid.UUID(added.id).version == 4
    assert (added.user_id, added.name) == (user.id, "laptop")
    assert (added.prefix, added.suffix) == ("sk_live_ab", "wxyz")
    assert (added.scopes, added.rate_limit) == (scopes, "20/minute")
    assert (added.expires_at, added.revoked_at, added.last_used_at) == (
        NOW,
        None,
        None,
    )
    assert key_by_hash(session, "hash") == (added, user)
    assert key_by_id(session, added.id) == added


def test_key_without_limits_is_good_for_everything(session):
    added = key(session, alice(session))

    assert (added.scopes, added.rate_limit, added.expires_at) == (None, "", None)


def test_key_that_is_good_for_nothing_is_not_one_for_everything(session):
    assert key(session, alice(session), scopes={}).scopes == {}
    assert key(
        session, alice(session, username="b", email=""), "h2", scopes={"models": ()}
    ).scopes == {"models": ()}


@pytest.mark.parametrize("hash", ["", "HASH", "hash ", "ha%", "a\0"])
def test_no_other_hash_finds_a_key(session, hash):
    key(session, alice(session))

    assert key_by_hash(session, hash) is None


@pytest.mark.parametrize("id", ["", "x", "a\0", "00000000-0000-4000-8000-000000000000"])
def test_no_other_id_finds_a_key(session, id):
    key(session, alice(session))

    assert key_by_id(session, id) is None
    assert revoke_key(session, id, user_id=None, now=NOW) is False


def test_key_shows_the_groups_of_this_moment(session):
    user = alice(session)
    key(session, user)
    key_by_hash(session, "hash")

    set_groups(session, user.id, ["blocked"])

    assert key_by_hash(session, "hash")[1].groups == {"blocked"}


def test_nobody_has_no_keys(session):
    gone = alice(session)
    delete_user(session, gone.id)

    with pytest.raises(UnknownUser):
        key(session, gone)
    assert keys_of(session, "usr_unknown", limit=9) == []
    assert count_active_keys(session, "usr_unknown", NOW) == 0


def test_revoked_key_is_found_and_says_when(session):
    user = alice(session)
    mine = key(session, user)

    assert revoke_key(session, mine.id, user_id=user.id, now=NOW) is True
    assert revoke_key(session, mine.id, user_id=user.id, now=NOW + HOUR) is False

    assert key_by_hash(session, "hash")[0].revoked_at == NOW
    assert key_by_id(session, mine.id).revoked_at == NOW


def test_key_of_somebody_else_is_revoked_by_nobody_but_an_operator(session):
    mine = key(session, alice(session))
    other = add_user(session, username="bob")

    assert revoke_key(session, mine.id, user_id=other.id, now=NOW) is False
    assert revoke_key(session, mine.id, user_id="usr_unknown", now=NOW) is False
    assert key_by_id(session, mine.id).revoked_at is None
    assert revoke_key(session, mine.id, user_id=None, now=NOW) is True


def test_workers_are_told_of_keys_revoked_since(session):
    user = alice(session)
    first, second, _ = [key(session, user, f"h{number}") for number in range(3)]
    revoke_key(session, first.id, user_id=None, now=NOW)
    revoke_key(session, second.id, user_id=None, now=NOW + HOUR)

    assert revoked_keys_since(session, NOW) == {first.id, second.id}
    assert revoked_keys_since(session, NOW + HOUR) == {second.id}
    assert revoked_keys_since(session, NOW + 2 * HOUR) == set()


def test_active_keys_are_those_that_are_neither_revoked_nor_expired(session):
    user, other = alice(session), add_user(session, username="bob")
    key(session, user, "h1")
    key(session, user, "h2", expires_at=NOW + HOUR)
    key(session, user, "h3", expires_at=NOW)
    revoke_key(session, key(session, user, "h4").id, user_id=None, now=NOW)
    key(session, other, "h5")

    assert count_active_keys(session, user.id, NOW) == 2


def test_keys_are_listed_in_pages_oldest_first(session):
    user, other = alice(session), add_user(session, username="bob")
    made = [
        key(session, user if number % 2 else other, f"h{number}").id
        for number in range(7)
    ]

    def pages(of_page):
        found, after = [], ""
        while page := of_page(limit=3, after=after):
            found.append([each.id for each in page])
            after = page[-1].id
        return found

    all_pages = pages(lambda **place: list_keys(session, **place))
    assert [len(page) for page in all_pages] == [3, 3, 1]
    assert sorted(chain(*all_pages)) == sorted(made)
    own = pages(lambda **place: keys_of(session, user.id, **place))
    assert sorted(chain(*own)) == sorted(made[1::2])
    assert list_keys(session, limit=3, after="unknown") == []
    assert keys_of(session, user.id, limit=3, after="unknown") == []


def test_key_of_somebody_else_is_no_place_to_go_on_from(session):
    """In the order that they are listed in: clocks may be put back."""
    user, other = alice(session), add_user(session, username="bob")
    foreign = key(session, other, "h1")
    for number in range(2):
        key(session, user, f"own {number}")

    assert keys_of(session, user.id, limit=3, after=foreign.id) == []
    first, last = keys_of(session, user.id, limit=3)
    assert keys_of(session, user.id, limit=3, after=first.id) == [last]
    every = list_keys(session, limit=9)
    after = every[every.index(foreign) + 1 :]
    assert list_keys(session, limit=9, after=foreign.id) == after


def test_last_use_of_many_keys_is_noted_and_never_put_back(session):
    user = alice(session)
    first, second, third = [key(session, user, f"h{number}") for number in range(3)]

    touch_keys(session, {second.id: NOW, first.id: NOW, "gone": NOW})
    touch_keys(session, {second.id: NOW + HOUR, first.id: NOW - HOUR})
    touch_keys(session, {})

    used = [key_by_id(session, each.id).last_used_at for each in (first, second, third)]
    assert used == [NOW, NOW + HOUR, None]
