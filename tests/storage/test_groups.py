"""Which models a group may use."""

import pytest

from llmwrap.storage.users import add_user, group_patterns, set_group_patterns


@pytest.fixture
def session(database):
    with database.writing() as session:
        yield session


def test_no_group_is_limited_at_the_start(session):
    assert group_patterns(session) == {}


def test_patterns_are_those_that_were_set_last(session):
    set_group_patterns(session, "user", ["Mistral-*", "Devstral-*", "Mistral-*"])
    set_group_patterns(session, "night shift", ["gemma:*"])
    set_group_patterns(session, "admin", ["x"])

    set_group_patterns(session, "admin", [])

    assert group_patterns(session) == {
        "user": ("Devstral-*", "Mistral-*"),
        "night shift": ("gemma:*",),
    }


def test_group_that_patterns_made_is_the_one_that_users_join(session):
    set_group_patterns(session, "new", ["x"])

    assert add_user(session, username="zoe", groups=["new"]).groups == {"new"}
    assert group_patterns(session) == {"new": ("x",)}
