"""`llmwrap user groups`, and what an operator is told beside what was asked."""

import pytest

from llmwrap.storage.users import user_by_id
from tests.cli.operator import PASSWORD, ROOT

OPEN = (
    'nobody is asked for a credential yet: set auth.mode = "required" in the '
    "configuration and reload\n"
)


def test_groups_are_printed_and_changed(either):
    ann = either.seed(groups=["user", "old"])

    assert either.done("user", "groups", "ann") == "old, user\n"
    changed = either.value(
        "user", "groups", "ann", "--add", "new", "--add", "admin", "--remove", "old"
    )
    assert changed["groups"] == ["admin", "new", "user"]
    with either.database.reading() as session:
        assert user_by_id(session, ann.id).groups == {"admin", "new", "user"}
    assert either.audited() == [("cli", "groups_changed", "user", ann.id)]


def test_a_group_that_somebody_is_not_in_cannot_be_left(operator):
    operator.seed()

    assert operator.refused(
        "user", "groups", "ann", "--remove", "users", "--add", "x"
    ) == ("ann is not in group 'users', but in user")
    assert operator.done("user", "groups", "ann") == "user\n"


def test_the_groups_of_a_predefined_user_stand_in_the_configuration(operator):
    operator.configure(ROOT)

    assert operator.done("user", "groups", "root") == "admin\n"
    assert operator.refused("user", "groups", "root", "--add", "user") == (
        "the configuration says in which groups root is: change them there and reload, or "
        "`llmwrap user block root`"
    )


def test_who_may_only_list_models_is_pointed_out(operator):
    operator.configure('[auth]\nmode = "required"\n')
    told = "who is not in group admin or user may list models, but not use them\n"

    added = operator.run("user", "add", "ann", "--group", "usr", stdin=PASSWORD)
    left = operator.run("user", "groups", "ann", "--add", "admin", "--remove", "usr")

    assert (added.exit_code, added.stderr) == (0, told)
    assert (left.exit_code, left.stderr) == (0, "")


def test_a_new_user_does_not_count_before_credentials_are_asked_for(operator):
    assert operator.run("user", "add", "ann", stdin=PASSWORD).stderr == OPEN
    operator.configure(ROOT)
    assert operator.run("user", "add", "bob", stdin=PASSWORD).stderr == ""


@pytest.mark.parametrize("mode", ["required", "off"])
def test_who_has_decided_about_credentials_is_told_nothing(operator, mode):
    operator.configure(f'[auth]\nmode = "{mode}"\n')

    assert operator.run("user", "add", "ann", stdin=PASSWORD).stderr == ""
