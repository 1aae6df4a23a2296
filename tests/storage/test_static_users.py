"""Predefined users: the file decides, the row adds what was done to them since."""

import pytest

from llmwrap.storage.static_users import sync_static_user
from llmwrap.storage.users import (
    NameTaken,
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


def sync(session, *, username="alice", email="alice@example.com", groups=("user",)):
    sync_static_user(session, id=ID, username=username, email=email, groups=groups)
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

    with pytest.raises(NameTaken):
        sync(session)

    assert list_users(session, limit=9) == [other]


def test_change_to_the_name_of_another_account_is_refused(session):
    before = sync(session)
    add_user(session, username="zoe", email="zoe@example.com")

    with pytest.raises(NameTaken):
        sync(session, email="zoe@example.com")

    assert user_by_id(session, ID) == before


def test_predefined_user_who_was_deleted_does_not_come_back(session):
    sync(session)
    delete_user(session, ID)

    with pytest.raises(UnknownUser):
        sync(session)
