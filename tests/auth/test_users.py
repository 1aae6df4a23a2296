"""Predefined users: ids, look-ups, and how they become principals."""

import pytest

from llmwrap.auth.principal import Principal
from llmwrap.auth.users import PredefinedUsers, user_id
from llmwrap.settings.values import User


def test_an_id_is_the_start_of_the_sha256_of_the_name():
    # printf alice | sha256sum
    assert user_id("alice") == "usr_2bd806c97f0e00af1a1fc332"


def test_a_username_is_found_exactly(users):
    assert users.by_username("zoë").username == "zoë"


@pytest.mark.parametrize("name", ["Alice", "alice ", "", "alice@example.com", "bob"])
def test_a_username_is_not_found_by_anything_else(users, name):
    assert users.by_username(name) is None


@pytest.mark.parametrize(
    "name", ["alice", "ALICE", "alice@example.com", "aLICE@eXAMPLE.COM"]
)
def test_a_sign_in_name_is_a_username_or_email_in_any_case(users, name):
    assert users.by_sign_in_name(name).username == "alice"


@pytest.mark.parametrize("name", ["", " ", "alice@", "bob@example.com"])
def test_an_unknown_sign_in_name_is_nobody(users, name):
    assert users.by_sign_in_name(name) is None


def test_an_exact_username_wins_over_the_same_name_in_another_case():
    users = PredefinedUsers([User("Ann", "h1"), User("ann", "h2")])
    assert users.by_sign_in_name("ann").password_hash == "h2"


def test_otherwise_the_first_in_file_order_wins():
    users = PredefinedUsers([User("Ann", "h1"), User("ann", "h2")])
    assert users.by_sign_in_name("ANN").password_hash == "h1"


def test_an_id_finds_its_user(users):
    assert users.by_id("usr_2bd806c97f0e00af1a1fc332").username == "alice"


@pytest.mark.parametrize("id", ["", "alice", "usr_", "usr_2bd806c97f0e00af1a1fc333"])
def test_another_id_is_nobody(users, id):
    assert users.by_id(id) is None


def test_password_hashes_are_listed_in_file_order(users):
    assert users.password_hashes == (
        "fake$salt$wonderland",
        "fake$salt$pa:ss wörd",
        "fake$salt$let-me-in",
    )


def test_a_principal_carries_the_record_without_its_hash(users):
    assert users.by_username("mallory").principal("jwt") == Principal(
        id="usr_c0a497761b175379ed63397c",
        kind="jwt",
        name="mallory",
        email="mallory@example.com",
        subject="usr_c0a497761b175379ed63397c",
        groups=frozenset({"user", "blocked"}),
        token_version=0,
    )
