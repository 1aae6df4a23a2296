"""What accounts may be called, and what an address is worth that nobody has checked."""

import pytest

from llmwrap.storage.names import looks_like_id
from llmwrap.storage.users import (
    NameTaken,
    UnknownUser,
    add_user,
    replace_password,
    set_password,
    upgrade_guest,
    user_by_id,
    user_by_sign_in_name,
)
from tests.storage.rows import alice, guest

ID = "usr_09ba5c1de2f30415a6b7c8d9"


@pytest.fixture
def session(database):
    with database.writing() as session:
        yield session


def upgraded(session, username="mallory", email="ceo@corp.example"):
    made = guest(session)
    return upgrade_guest(session, made.id, username=username, email=email, name="")


@pytest.mark.parametrize("name", [ID, ID.upper(), "usr_", "Usr_smith"])
def test_nobody_is_called_like_an_id(session, name):
    assert looks_like_id(name)
    for names in ({"username": name}, {"username": "ann", "email": name}):
        with pytest.raises(NameTaken):
            add_user(session, **names)
    with pytest.raises(NameTaken):
        upgraded(session, username=name)


@pytest.mark.parametrize("name", ["usr", "user_1", "a-usr_1", "usr_1@x.example", ""])
def test_other_names_are_not_like_ids(name):
    assert not looks_like_id(name)


def test_claimed_address_gives_way_to_an_account_that_is_made_with_it(session):
    claimant = upgraded(session)
    assert claimant.email_claimed

    made = add_user(session, username="ceo", email="CEO@corp.example")

    assert (made.email, made.email_claimed) == ("CEO@corp.example", False)
    assert user_by_sign_in_name(session, "ceo@corp.example") == made
    left = user_by_id(session, claimant.id)
    assert (left.username, left.email, left.email_claimed) == ("mallory", "", False)


def test_address_that_an_operator_gave_does_not_give_way(session):
    user = alice(session)

    with pytest.raises(NameTaken):
        add_user(session, username="bob", email=user.email)

    assert user_by_id(session, user.id) == user


def test_claimed_address_does_not_give_way_to_another_claim(session):
    first = upgraded(session)

    other = guest(session, "guest-2")
    with pytest.raises(NameTaken):
        upgrade_guest(session, other.id, username="eve", email=first.email, name="")

    assert user_by_id(session, first.id) == first


@pytest.mark.parametrize("before", ["", "scrypt:old"])
def test_password_is_replaced_if_it_is_still_the_one_that_was_checked(session, before):
    user = alice(session, password_hash=before)

    for checked in ("scrypt:other", *(() if before == "" else ("",))):
        with pytest.raises(UnknownUser):
            replace_password(session, user.id, "scrypt:new", checked_hash=checked)
    assert user_by_id(session, user.id) == user
    replace_password(session, user.id, "scrypt:new", checked_hash=before)

    now = user_by_id(session, user.id)
    assert (now.password_hash, now.token_version) == ("scrypt:new", 1)
    set_password(session, user.id, "scrypt:of the operator")
    with pytest.raises(UnknownUser):
        replace_password(session, user.id, "scrypt:x", checked_hash="scrypt:new")
