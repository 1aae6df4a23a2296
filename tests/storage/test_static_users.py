"""Predefined users: the file decides, the row adds what was done to them since."""

import pytest

from llmwrap.storage.static_users import sync_static_user
from llmwrap.storage.users import (
    UnknownUser,
    add_group,
    add_user,
    delete_user,
    list_users,
    remove_group,
    set_password,
    set_status,
    user_by_id,
)
from tests.storage.rows import key

ID = "usr_2bd806c97f0e00af1a1fc332"


@pytest.fixture
def session(database):
    with database.writing() as session:
        yield session


def synced(session, *, username="alice", email="alice@example.com", groups=("user",)):
    return sync_static_user(
        session, id=ID, username=username, email=email, groups=groups
    )


def sync(session, **columns):
    assert synced(session, **columns)
    return user_by_id(session, ID)


def test_first_write_makes_a_row_with_the_id_of_the_file(session):
    user = sync(session, groups=["user", "night shift"])

    assert (user.id, user.username, user.email) == (ID, "alice", "alice@example.com")
    assert (user.kind, user.password_hash, user.status) == ("static", "", "active")
    assert user.groups == {"user", "night shift"}
    assert key(session, user).user_id == ID


def test_row_that_says_what_the_file_says_is_left_alone(session):
    sync(session)
    set_password(session, ID, "scrypt:own")
    set_status(session, ID, "disabled")
    before = user_by_id(session, ID)

    assert sync(session) == before
    assert (before.password_hash, before.token_version) == ("scrypt:own", 1)
    assert len(list_users(session, limit=9)) == 1


def test_row_follows_the_file(session):
    sync(session, groups=["admin", "user"])

    user = sync(session, email="new@example.com", groups=["user"])

    assert (user.email, user.groups) == ("new@example.com", {"user"})
    assert sync(session, email="").email == ""


def test_user_who_was_blocked_stays_so_whatever_the_file_says(session):
    sync(session)
    add_group(session, ID, "blocked")

    assert sync(session, groups=["admin"]).groups == {"admin", "blocked"}

    remove_group(session, ID, "blocked")
    assert sync(session, groups=["admin"]).groups == {"admin"}


@pytest.mark.parametrize(
    "names",
    [{"username": "ALICE"}, {"username": "zoe", "email": "Alice@Example.com"}],
)
def test_name_of_another_account_is_not_taken_over(session, names):
    other = add_user(session, **names)

    for _ in range(2):
        assert synced(session) is False

    left, row = list_users(session, limit=9)
    assert left == other
    assert (row.id, row.username, row.email) == (ID, f"alice:{ID}", "")
    assert row.groups == {"user"}


def test_row_gets_its_name_when_it_is_free_again(session):
    other = add_user(session, username="alice")
    synced(session)
    add_group(session, ID, "blocked")
    delete_user(session, other.id)

    user = sync(session)

    assert (user.username, user.email) == ("alice", "alice@example.com")
    assert user.groups == {"user", "blocked"}


def test_change_to_the_name_of_another_account_leaves_the_row_without_names(session):
    before = sync(session)
    other = add_user(session, username="zoe", email="zoe@example.com")

    assert synced(session, email="zoe@example.com", groups=["admin"]) is False

    row = user_by_id(session, ID)
    assert (row.username, row.email) == (f"alice:{ID}", "")
    assert (row.groups, row.created_at) == ({"admin"}, before.created_at)
    assert user_by_id(session, other.id) == other


def test_name_like_an_id_is_no_name_for_a_row(session):
    assert synced(session, username="usr_1") is False

    assert user_by_id(session, ID).username == f"usr_1:{ID}"


def test_predefined_user_who_was_deleted_does_not_come_back(session):
    sync(session)
    delete_user(session, ID)

    with pytest.raises(UnknownUser):
        sync(session)
