"""Whom a name, an address or an id means to the operator, whatever others call themselves."""

import pytest

from llmwrap.storage.users import upgrade_guest, user_by_id
from tests.cli.operator import PASSWORD, ROOT

ROOT_ID = "usr_4813494d137e1631bba301d5"


def stored(operator, user):
    with operator.database.reading() as session:
        return user_by_id(session, user)


def test_a_predefined_user_whose_name_somebody_has_is_blocked_all_the_same(either):
    other = either.seed("root")
    either.configure(ROOT)

    result = either.run("user", "block", "root")
    assert (result.exit_code, result.stdout) == (0, "root is blocked\n")
    assert result.stderr == (
        "another account has the name or the email of root, who stands in the "
        "configuration: `llmwrap user list` shows it, and `llmwrap user rm ID` removes it\n"
    )
    assert stored(either, ROOT_ID).groups == {"admin", "blocked"}
    assert stored(either, other.id).groups == {"user"}
    assert either.done("user", "rm", other.id) == "root is removed\n"
    assert either.done("user", "unblock", "root") == "root is not blocked\n"
    assert stored(either, ROOT_ID).username == "root"


@pytest.mark.parametrize("verb", ["block", "groups", "passwd", "rm"])
def test_an_id_means_its_account_whoever_is_called_so(operator, verb):
    """A name like an id is refused today; one may be there from before."""
    ann = operator.seed(password_hash="before")
    operator.seed_many(1, username=ann.id, username_folded=ann.id)

    shown = operator.value("user", verb, ann.id, stdin=PASSWORD)

    assert (shown["id"], shown["username"]) == (ann.id, "ann")


def test_an_id_of_a_predefined_user_means_that_one(operator):
    operator.configure(ROOT)
    operator.seed_many(1, username=ROOT_ID, username_folded=ROOT_ID)

    assert operator.value("user", "block", ROOT_ID)["username"] == "root"


def test_an_address_that_a_guest_claims_goes_to_whom_the_operator_gives_it(operator):
    guest = operator.seed("guest-1", email="", kind="guest", is_guest=True)
    with operator.database.writing() as session:
        names = {"username": "mallory", "email": "ceo@corp.example", "name": ""}
        upgrade_guest(session, guest.id, **names)

    made = operator.value(
        "user", "add", "ceo", "--email", "CEO@corp.example", stdin=PASSWORD
    )

    assert made["email"] == "CEO@corp.example"
    assert stored(operator, guest.id).email == ""
    assert operator.refused("user", "add", "mallory", stdin=PASSWORD) == (
        "the name 'mallory' belongs to 'mallory' (local user)"
    )
