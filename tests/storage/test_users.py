"""Accounts: names that nobody shares, changes that workers learn of, deletion."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from llmwrap.storage.accounts import accounts
from llmwrap.storage.api_keys import key_by_hash, keys_of, touch_keys
from llmwrap.storage.models import User
from llmwrap.storage.tokens import use_refresh_token
from llmwrap.storage.users import (
    AccountState,
    NameTaken,
    UnknownUser,
    account_states,
    add_group,
    add_user,
    delete_user,
    list_users,
    purge_guests,
    remove_group,
    set_groups,
    set_password,
    set_status,
    touch_user,
    upgrade_guest,
    user_by_id,
    user_by_sign_in_name,
    user_by_subject,
    user_by_username,
)
from tests.storage.rows import HOUR, NOW, alice, guest, key, refresh_token


@pytest.fixture
def session(database):
    with database.writing() as session:
        yield session


def test_account_is_found_as_it_was_added(session):
    added = add_user(
        session,
        username="Alice",
        email="Alice@Example.com",
        name="Alice A.",
        password_hash="scrypt:1",
        kind="oidc",
        groups=["user", "night shift"],
        issuer="https://id.example.com",
        subject="s-1",
    )

    assert added.id.startswith("usr_")
    assert len(added.id) == 28
    assert (added.username, added.email, added.name, added.password_hash) == (
        "Alice",
        "Alice@Example.com",
        "Alice A.",
        "scrypt:1",
    )
    assert (added.kind, added.is_guest, added.status) == ("oidc", False, "active")
    assert added.groups == {"user", "night shift"}
    assert (added.token_version, added.issuer, added.subject) == (
        0,
        "https://id.example.com",
        "s-1",
    )
    assert user_by_id(session, added.id) == added
    assert user_by_subject(session, "https://id.example.com", "s-1") == added
    assert user_by_subject(session, "https://id.example.com", "s-2") is None


def test_account_may_have_nothing_but_a_name(session):
    bare = add_user(session, username="bare")

    assert (bare.email, bare.name, bare.password_hash) == ("", "", "")
    assert (bare.groups, bare.kind, bare.issuer) == (frozenset(), "local", "")


def test_values_outlive_the_session(database):
    with database.writing() as session:
        alice(session)
    with database.reading() as session:
        user = user_by_username(session, "alice")

    assert user.groups == {"user"}


def test_hash_of_a_password_is_not_in_the_repr(session):
    assert "scrypt" not in repr(alice(session, password_hash="scrypt:1"))


def test_given_id_is_kept(session):
    assert alice(session, id="usr_0123").id == "usr_0123"
    with pytest.raises(NameTaken):
        add_user(session, username="bob", id="usr_0123")
    add_user(session, username="bob")  # the session goes on


def test_username_is_exact_but_a_name_to_sign_in_with_is_not(session):
    user = alice(session, username="Émile", email="Emile@Example.com")

    assert user_by_username(session, "Émile") == user
    assert user_by_username(session, "émile") is None
    for name in ("Émile", "émile", "ÉMILE", "emile@example.com", "EMILE@EXAMPLE.COM"):
        assert user_by_sign_in_name(session, name) == user
    assert user_by_sign_in_name(session, "Emile") is None
    assert user_by_sign_in_name(session, "") is None


def test_accounts_without_an_email_are_not_found_by_none(session):
    add_user(session, username="bare")
    add_user(session, username="bare-2")

    assert user_by_sign_in_name(session, "") is None


@pytest.mark.parametrize("name", ["a\0lice", "alice\ud83d", "alice' OR 1=1 --"])
def test_name_that_cannot_be_is_found_by_nobody(session, name):
    alice(session)

    assert user_by_sign_in_name(session, name) is None
    assert user_by_username(session, name) is None
    assert user_by_id(session, name) is None


@pytest.mark.parametrize(
    "names",
    [
        {"username": "alice", "email": ""},
        {"username": "ALICE", "email": ""},
        {"username": "bob", "email": "ALICE@example.com"},
        {"username": "Alice@Example.com", "email": ""},
        {"username": "bob", "email": "alice"},
    ],
)
def test_name_that_is_in_use_is_refused_and_the_session_goes_on(session, names):
    alice(session)

    with pytest.raises(NameTaken):
        add_user(session, **names)

    assert [user.username for user in list_users(session, limit=9)] == ["alice"]
    add_user(session, username="carol", email="carol@example.com")


def test_subject_has_one_account(session):
    add_user(session, username="a", issuer="i", subject="s")
    add_user(session, username="b", issuer="j", subject="s")
    with pytest.raises(NameTaken):
        add_user(session, username="c", issuer="i", subject="s")


def test_accounts_are_listed_in_pages_oldest_first(session):
    for number in range(5):
        add_user(session, username=f"user-{number}", groups=["user", "admin"])

    pages, after = [], ""
    while page := list_users(session, limit=2, after=after):
        pages.append([user.username for user in page])
        after = page[-1].id
    assert pages == [["user-0", "user-1"], ["user-2", "user-3"], ["user-4"]]
    assert list_users(session, limit=2, after="usr_unknown") == []


def test_new_password_ends_the_sessions_before(session):
    user = alice(session, password_hash="scrypt:1")

    set_password(session, user.id, "scrypt:2")
    set_password(session, user.id, "scrypt:3")

    changed = user_by_id(session, user.id)
    assert (changed.password_hash, changed.token_version) == ("scrypt:3", 2)


def test_account_is_read_anew_although_the_session_remembers_it(session):
    user = alice(session)
    held = session.scalars(accounts()).unique().all()

    set_groups(session, user.id, ["blocked"])

    assert user_by_id(session, user.id).groups == {"blocked"}
    assert len(held) == 1


def test_groups_are_replaced_added_and_left(session):
    user = alice(session)
    set_groups(session, user.id, ["admin", "new"])
    assert user_by_id(session, user.id).groups == {"admin", "new"}

    add_group(session, user.id, "blocked")
    add_group(session, user.id, "blocked")
    assert user_by_id(session, user.id).groups == {"admin", "new", "blocked"}

    remove_group(session, user.id, "admin")
    remove_group(session, user.id, "never was")
    assert user_by_id(session, user.id).groups == {"new", "blocked"}

    set_groups(session, user.id, [])
    assert user_by_id(session, user.id).groups == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        lambda session, who: set_password(session, who, "scrypt:1"),
        lambda session, who: set_groups(session, who, ["user"]),
        lambda session, who: add_group(session, who, "user"),
        lambda session, who: remove_group(session, who, "user"),
        lambda session, who: set_status(session, who, "disabled"),
        lambda session, who: upgrade_guest(
            session, who, username="x", email="", name=""
        ),
        delete_user,
    ],
)
def test_change_of_nobody_is_an_error(session, change):
    gone = alice(session)
    delete_user(session, gone.id)
    for who in ("usr_unknown", gone.id):
        with pytest.raises(UnknownUser):
            change(session, who)


def test_guest_who_is_upgraded_stays_the_same_account(session):
    before = guest(session)

    after = upgrade_guest(
        session, before.id, username="Zoe", email="Zoe@example.com", name="Zoe Z."
    )

    assert (after.id, after.groups) == (before.id, before.groups)
    assert (after.username, after.email, after.name) == (
        "Zoe",
        "Zoe@example.com",
        "Zoe Z.",
    )
    assert (after.is_guest, after.kind) == (False, "local")
    assert user_by_sign_in_name(session, "zoe@example.com") == after
    assert user_by_username(session, "guest-1") is None
    row = session.execute(select(User.upgraded_at)).one()
    assert row.upgraded_at is not None


def test_guest_cannot_take_the_name_of_another(session):
    alice(session)
    visitor = guest(session)
    for username, email in (("Alice", "z@example.com"), ("zoe", "ALICE@example.com")):
        with pytest.raises(NameTaken):
            upgrade_guest(session, visitor.id, username=username, email=email, name="")

    assert user_by_id(session, visitor.id) == visitor


def test_guest_may_keep_the_username_at_an_upgrade(session):
    visitor = guest(session, username="zoe")

    upgraded = upgrade_guest(session, visitor.id, username="zoe", email="z@x", name="")

    assert upgraded.username == "zoe"


def test_who_is_no_guest_cannot_be_upgraded(session):
    with pytest.raises(UnknownUser):
        upgrade_guest(session, alice(session).id, username="x", email="", name="")


def test_deleted_account_is_found_by_nothing(session):
    user = alice(session, issuer="i", subject="s")

    delete_user(session, user.id)

    assert user_by_id(session, user.id) is None
    assert user_by_username(session, "alice") is None
    assert user_by_sign_in_name(session, "alice@example.com") is None
    assert user_by_subject(session, "i", "s") is None
    assert list_users(session, limit=9) == []


def test_names_of_a_deleted_account_are_free(session):
    first = alice(session, issuer="i", subject="s")
    delete_user(session, first.id)

    second = alice(session, issuer="i", subject="s")

    assert second.id != first.id
    delete_user(session, second.id)
    alice(session)


def test_credentials_of_a_deleted_account_are_dead(session):
    user = alice(session, password_hash="scrypt:1")
    key(session, user)
    refresh_token(session, user)

    delete_user(session, user.id)

    assert key_by_hash(session, "hash") is None
    assert [each.revoked_at is None for each in keys_of(session, user.id, limit=9)] == [
        False
    ]
    assert use_refresh_token(session, "r1", now=NOW, replaced_by="r2").outcome == (
        "revoked"
    )
    assert session.scalars(text("SELECT password_hash FROM users")).all() == [None]


def test_workers_are_told_of_accounts_whose_credentials_may_have_ended(session):
    alice(session)
    blocked = add_user(session, username="blocked", groups=["user", "blocked"])
    disabled = add_user(session, username="disabled")
    set_status(session, disabled.id, "disabled")
    changed = add_user(session, username="changed", groups=["admin"])
    set_password(session, changed.id, "scrypt:2")
    deleted = add_user(session, username="deleted")
    delete_user(session, deleted.id)

    assert account_states(session) == {
        blocked.id: AccountState(frozenset({"user", "blocked"}), "active", 0),
        disabled.id: AccountState(frozenset(), "disabled", 0),
        changed.id: AccountState(frozenset({"admin"}), "active", 1),
        deleted.id: AccountState(frozenset(), "disabled", 1),
    }
    set_status(session, disabled.id, "active")
    remove_group(session, blocked.id, "blocked")
    assert account_states(session).keys() == {changed.id, deleted.id}


def inactive_for(session, user, age: timedelta) -> None:
    session.execute(
        update(User).where(User.public_id == user.id).values(last_active_at=NOW - age)
    )


def test_idle_guests_are_removed_with_all_that_is_theirs(session):
    idle, active, user = guest(session), guest(session, "guest-2"), alice(session)
    key(session, idle)
    refresh_token(session, idle)
    for each in (idle, user):
        inactive_for(session, each, 31 * 24 * HOUR)
    inactive_for(session, active, HOUR)

    assert purge_guests(session, NOW - 30 * 24 * HOUR) == 1

    names = [each.username for each in list_users(session, limit=9)]
    assert names == ["guest-2", "alice"]
    for table in ("api_keys", "refresh_tokens"):
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
    assert session.scalar(text("SELECT count(*) FROM user_groups")) == 2
    assert purge_guests(session, NOW - 30 * 24 * HOUR) == 0


def test_guest_whose_key_is_in_use_is_not_idle(session):
    visitor = guest(session)
    used = key(session, visitor)
    inactive_for(session, visitor, 31 * 24 * HOUR)
    touch_keys(session, {used.id: NOW - HOUR})

    assert purge_guests(session, NOW - 30 * 24 * HOUR) == 0


def test_use_of_an_account_is_noted_but_never_put_back(session):
    visitor = guest(session)
    inactive_for(session, visitor, 31 * 24 * HOUR)

    touch_user(session, visitor.id, NOW)
    touch_user(session, visitor.id, NOW - 40 * 24 * HOUR)
    touch_user(session, "usr_unknown", NOW)

    assert purge_guests(session, NOW - HOUR) == 0
    assert purge_guests(session, NOW + HOUR) == 1
