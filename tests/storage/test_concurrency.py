"""What happens at the same moment, on real threads."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from llmwrap.storage.api_keys import count_active_keys, list_keys, touch_keys
from llmwrap.storage.migrating import upgrade
from llmwrap.storage.static_users import sync_static_user
from llmwrap.storage.tokens import end_family, use_refresh_token
from llmwrap.storage.users import (
    NameTaken,
    add_group,
    add_user,
    list_users,
    set_groups,
    set_password,
    user_by_id,
)
from tests.databases import empty_database, opened
from tests.storage.rows import HOUR, NOW, alice, key, refresh_token


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(0..count-1)` returned or raised, begun together on threads."""
    ends: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            ends[number] = work(number)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            ends[number] = type(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


@pytest.fixture
def user(database):
    with database.writing() as session:
        return alice(session)


def test_of_two_uses_of_a_refresh_token_one_is_ok_and_the_family_ends(database, user):
    for turn in range(5):
        with database.writing() as session:
            refresh_token(session, user, f"r{turn}", family_id=f"f{turn}")

        def use(number: int, turn=turn) -> str:
            successor = f"r{turn}-{number}"
            with database.writing() as session:
                used = use_refresh_token(
                    session, f"r{turn}", now=NOW, replaced_by=successor
                )
                if used.outcome == "ok":
                    refresh_token(session, user, successor, family_id=f"f{turn}")
            return used.outcome

        ends = at_once(2, use)
        assert sorted(ends) == ["ok", "reused"]
        successor = f"r{turn}-{ends.index('ok')}"
        with database.writing() as session:
            used = use_refresh_token(session, successor, now=NOW, replaced_by="x")
        assert used.outcome == "revoked"


def test_twenty_threads_add_keys(database, user):
    def add(number: int) -> str:
        with database.writing() as session:
            return key(session, user, f"h{number}").id

    ids = at_once(20, add)

    with database.reading() as session:
        assert {each.id for each in list_keys(session, limit=99)} == set(ids)
    assert len(set(ids)) == 20


def test_limit_of_keys_holds_when_they_are_asked_for_at_once(database, user):
    def add_up_to_five(number: int) -> bool:
        with database.writing() as session:
            if count_active_keys(session, user.id, NOW) >= 5:
                return False
            key(session, user, f"h{number}")
            return True

    ends = at_once(12, add_up_to_five)

    assert sorted(ends) == [False] * 7 + [True] * 5


def test_those_who_touch_the_same_keys_do_not_lock_each_other_out(tmp_path):
    with empty_database("postgresql", tmp_path) as url, opened(url) as database:
        upgrade(database)
        with database.writing() as session:
            user = alice(session)
            low, high = sorted(key(session, user, each).id for each in ("h1", "h2"))

        def touch_both() -> None:
            with database.writing() as session:
                touch_keys(session, {high: NOW, low: NOW})

        other = threading.Thread(target=touch_both)
        with database.writing() as session:
            touch_keys(session, {low: NOW + HOUR})
            other.start()
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            deadline = time.monotonic() + 4
            while not session.scalar(waits) and time.monotonic() < deadline:
                pass
            touch_keys(session, {high: NOW + HOUR})
        other.join()

        with database.reading() as session:
            used = [each.last_used_at for each in list_keys(session, limit=9)]
    assert used == [NOW + HOUR, NOW + HOUR]


def test_token_that_is_made_while_its_family_ends_is_ended_too(tmp_path):
    with empty_database("postgresql", tmp_path) as url, opened(url) as database:
        upgrade(database)
        with database.writing() as session:
            user = alice(session)
            refresh_token(session, user)

        def end() -> None:
            with database.writing() as session:
                end_family(session, "f1", NOW)

        other = threading.Thread(target=end)
        with database.writing() as session:
            use_refresh_token(session, "r1", now=NOW, replaced_by="r2")
            other.start()
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            deadline = time.monotonic() + 4
            while not session.scalar(waits) and time.monotonic() < deadline:
                pass
            refresh_token(session, user, "r2")
        other.join()

        with database.writing() as session:
            used = use_refresh_token(session, "r2", now=NOW, replaced_by="r3")
    assert used.outcome == "revoked"


def test_one_of_those_who_want_a_name_gets_it(database):
    def add(number: int) -> str:
        with database.writing() as session:
            return add_user(session, username="zoe" if number % 2 else "ZOE").id

    ends = at_once(8, add)

    assert ends.count(NameTaken) == 7
    with database.reading() as session:
        assert len(list_users(session, limit=9)) == 1


def test_every_change_of_a_password_counts(database, user):
    def change(number: int) -> None:
        with database.writing() as session:
            set_password(session, user.id, f"scrypt:{number}")

    assert at_once(8, change) == [None] * 8

    with database.reading() as session:
        assert user_by_id(session, user.id).token_version == 8


def test_new_groups_can_be_made_and_joined_by_many(database, user):
    names = ["a", "b", "c", "d"]

    def join(number: int) -> None:
        with database.writing() as session:
            # In another order each time.
            for name in names[number % 4 :] + names[: number % 4]:
                add_group(session, user.id, name)

    assert at_once(8, join) == [None] * 8

    with database.reading() as session:
        assert user_by_id(session, user.id).groups == {"user", *names}


def test_groups_set_at_once_are_those_of_one_of_the_callers(database, user):
    def change(number: int) -> None:
        with database.writing() as session:
            set_groups(session, user.id, [f"g{number}", "both"])

    assert at_once(6, change) == [None] * 6

    with database.reading() as session:
        groups = user_by_id(session, user.id).groups
    assert len(groups) == 2
    assert "both" in groups


def test_workers_may_write_for_a_predefined_user_at_once(database):
    def sync(number: int) -> None:
        with database.writing() as session:
            sync_static_user(
                session,
                id="usr_1",
                username="root",
                email="root@example.com",
                groups=["admin"],
            )

    assert at_once(8, sync) == [None] * 8

    with database.reading() as session:
        (row,) = list_users(session, limit=9)
    assert (row.id, row.groups) == ("usr_1", {"admin"})
