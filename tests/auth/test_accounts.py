"""Who exists: the configuration first, then the database, each as of now."""

import time
from dataclasses import replace

import pytest

from llmwrap.auth.keys import KeyOrder, create_key
from llmwrap.errors import StorageUnavailable
from llmwrap.settings.values import User
from llmwrap.storage import users as stored
from llmwrap.storage.api_keys import keys_of
from llmwrap.storage.users import NameTaken
from tests.auth.making import ALICE, FakeClock, make_sources, settings_with


@pytest.fixture
def clock():
    return FakeClock(time.time())


@pytest.fixture
def sources(shelf, clock):
    return make_sources(shelf, clock=clock)


@pytest.fixture
def accounts(sources):
    return sources.accounts


@pytest.fixture
def add(shelf):
    """Adds a local user and returns the id."""

    def make(username, **columns):
        columns.setdefault("groups", ("user",))
        columns.setdefault("password_hash", "fake$salt$secret")
        with shelf.writing() as session:
            return stored.add_user(session, username=username, **columns).id

    return make


def change(shelf, how, *arguments):
    with shelf.writing() as session:
        how(session, *arguments)


def test_a_local_user_is_found_by_name_address_and_id(accounts, add):
    bea = add("bea", email="Bea@Example.com", name="Bea B.")
    for user in (
        accounts.by_id(bea),
        accounts.by_username("bea"),
        accounts.by_sign_in_name("BEA"),
        accounts.by_sign_in_name("bea@example.com"),
    ):
        assert (user.id, user.username, user.kind) == (bea, "bea", "local")
        assert user.groups == frozenset({"user"})


@pytest.mark.parametrize("name", ["Bea", "bea@example.com", "be", ""])
def test_a_username_is_found_exactly(accounts, add, name):
    add("bea", email="bea@example.com")
    assert accounts.by_username(name) is None


def test_a_predefined_user_goes_before_one_of_the_database(accounts, add):
    add("ALICE", password_hash="fake$salt$other")
    assert accounts.by_username("alice").id == ALICE
    assert accounts.by_sign_in_name("Alice").id == ALICE
    assert accounts.by_username("ALICE").kind == "local"


def test_predefined_users_need_no_database(shelf, accounts):
    shelf.away = StorageUnavailable("away")
    assert accounts.by_username("alice").id == ALICE
    assert accounts.by_id(ALICE).username == "alice"
    with pytest.raises(StorageUnavailable):
        accounts.by_username("bea")


def test_who_was_seen_is_known_for_60_s_without_the_database(
    shelf, accounts, add, clock
):
    bea = add("bea")
    accounts.by_id(bea)
    shelf.away = StorageUnavailable("away")
    clock.now += 59.9
    assert accounts.by_id(bea).username == "bea"
    clock.now += 0.2
    with pytest.raises(StorageUnavailable):
        accounts.by_id(bea)


def test_a_database_that_is_away_is_asked_by_nobody_but_the_one_who_probes(
    shelf, accounts
):
    shelf.away = StorageUnavailable("away")
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            accounts.by_username("bea")
    assert shelf.readings == 1
    assert accounts.reach.trouble.is_set()
    shelf.away = None
    with pytest.raises(StorageUnavailable):
        accounts.by_username("bea")
    accounts.refresh()
    assert accounts.by_username("bea") is None


@pytest.mark.parametrize("how", ["blocked", "disabled", "deleted"])
@pytest.mark.parametrize("kind", ["local", "static"])
def test_what_is_done_to_an_account_is_known_with_the_next_look(
    shelf, accounts, add, how, kind
):
    if kind == "local":
        bea = add("bea")
    else:
        bea = ALICE
        accounts.ensure_row(accounts.by_id(bea))
    assert accounts.by_id(bea).groups == frozenset({"user"})
    if how == "blocked":
        change(shelf, stored.add_group, bea, "blocked")
    elif how == "disabled":
        change(shelf, stored.set_status, bea, "disabled")
    else:
        change(shelf, stored.delete_user, bea)
    accounts.refresh()
    user = accounts.by_id(bea)
    if how == "blocked":
        assert user.groups == frozenset({"user", "blocked"})
    else:
        assert user is None


def test_groups_of_a_predefined_user_are_those_of_the_configuration(shelf, accounts):
    accounts.ensure_row(accounts.by_id(ALICE))
    change(shelf, stored.set_groups, ALICE, ("admin", "blocked"))
    accounts.changed()
    assert accounts.by_id(ALICE).groups == frozenset({"user", "blocked"})


def test_groups_of_a_local_user_are_those_of_the_database(shelf, accounts, add, clock):
    bea = add("bea")
    accounts.by_id(bea)
    change(shelf, stored.set_groups, bea, ("admin",))
    clock.now += 5
    assert accounts.by_id(bea).groups == frozenset({"admin"})


def test_what_was_changed_here_is_known_here_at_once(shelf, accounts, add):
    bea = add("bea")
    accounts.by_id(bea)
    change(shelf, stored.set_groups, bea, ("admin",))
    accounts.changed()
    assert accounts.by_id(bea).groups == frozenset({"admin"})


def test_who_left_the_configuration_is_nobody_though_the_row_stays(shelf, accounts):
    accounts.ensure_row(accounts.by_id(ALICE))
    without = make_sources(shelf, settings_with(users=())).accounts
    assert without.by_id(ALICE) is None
    assert without.by_username("alice") is None
    assert without.by_sign_in_name("alice@example.com") is None


def test_the_row_of_a_predefined_user_is_made_once_and_kept_in_step(shelf, accounts):
    alice = accounts.by_id(ALICE)
    accounts.ensure_row(alice)
    accounts.ensure_row(replace(alice, email="new@example.com"))
    with shelf.reading() as session:
        row = stored.user_by_id(session, ALICE)
        assert keys_of(session, ALICE, limit=1) == []
    assert (row.kind, row.username, row.email) == ("static", "alice", "new@example.com")


def test_who_is_blocked_in_the_configuration_is_so_no_longer_than_that(shelf, accounts):
    accounts.ensure_row(accounts.by_username("mallory"))
    freed = settings_with(users=(User("mallory", "h", "", ("user",)),))
    later = make_sources(shelf, freed).accounts
    later.refresh()
    assert later.by_username("mallory").groups == frozenset({"user"})


def test_a_local_user_needs_no_second_row(shelf, accounts, add):
    bea = add("bea")
    accounts.ensure_row(accounts.by_id(bea))
    with shelf.reading() as session:
        assert len(stored.list_users(session, limit=9)) == 1


@pytest.mark.parametrize(
    "name", ["alice", "ALICE", "alice@example.com", "api_key", "Anonymous"]
)
def test_names_of_the_configuration_and_of_nobody_are_taken(accounts, name):
    with pytest.raises(NameTaken):
        accounts.check_names("free", name)
    accounts.check_names("free", "")


def test_the_allow_list_of_a_principal_unites_its_groups(shelf):
    settings = settings_with(
        users=(User("ann", "h", "", ("a", "b", "c")),),
        group_models={"a": ("Mistral-*",), "other": ("x",)},
    )
    accounts = make_sources(shelf, settings).accounts
    change(shelf, stored.set_group_patterns, "a", ("tiny",))
    change(shelf, stored.set_group_patterns, "b", ("org/*", "tiny"))
    user = accounts.by_username("ann")
    assert accounts.limited(user.principal("basic")).models == (("Mistral-*",),)
    accounts.refresh()
    principal = accounts.limited(user.principal("basic"))
    assert principal.models == (("Mistral-*", "org/*", "tiny"),)
    assert principal.may_use_model("org/x")
    assert not principal.may_use_model("x")


def guest_of(shelf, accounts, group="user"):
    with shelf.writing() as session:
        row = stored.add_user(
            session, username="g", kind="guest", is_guest=True, groups=(group,)
        )
    return accounts.limited(accounts.by_id(row.id).principal("guest"))


def test_guests_may_use_what_the_list_of_guests_has_and_nothing_else(shelf):
    """Section 2 row 5: whatever group a guest was put in."""
    settings = settings_with(group_models={"guest": ("tiny",), "user": ("*",)})
    accounts = make_sources(shelf, settings).accounts
    guest = guest_of(shelf, accounts)
    assert guest.groups == {"user"}
    assert guest.models == (("tiny",),)
    member = accounts.limited(accounts.by_username("alice").principal("basic"))
    assert member.models == (("*",),)


def test_the_list_of_guests_may_be_in_the_database(shelf, accounts):
    change(shelf, stored.set_group_patterns, "guest", ("tiny",))
    accounts.refresh()
    assert guest_of(shelf, accounts).models == (("tiny",),)


def test_a_key_of_a_guest_opens_what_guests_may_use(shelf):
    sources = make_sources(shelf, settings_with(group_models={"guest": ("tiny",)}))
    guest = guest_of(shelf, sources.accounts)
    _, secret = create_key(
        shelf, sources.pepper, sources.settings.auth, guest.id, KeyOrder("k")
    )
    assert sources.api_keys.find(secret).models == (("tiny",),)


def test_guests_without_a_list_of_their_own_have_that_of_their_group(shelf):
    settings = settings_with(group_models={"user": ("a*",), "other": ("b",)})
    accounts = make_sources(shelf, settings).accounts
    assert guest_of(shelf, accounts).models == (("a*",),)


def test_who_is_in_no_limited_group_may_use_every_model(shelf):
    settings = settings_with(group_models={"guest": ("tiny",), "none": ()})
    accounts = make_sources(shelf, settings).accounts
    assert (
        accounts.limited(accounts.by_username("alice").principal("basic")).models == ()
    )


def test_a_group_with_an_empty_list_may_use_nothing(shelf):
    settings = settings_with(group_models={"user": ()})
    accounts = make_sources(shelf, settings).accounts
    principal = accounts.limited(accounts.by_username("alice").principal("basic"))
    assert not principal.may_use_model("tiny")
