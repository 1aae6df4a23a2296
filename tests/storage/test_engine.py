"""Opening a database: what is made, how connections are set up, what a session keeps."""

import os
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from llmwrap.settings import SettingsError
from llmwrap.storage.engine import open_database
from llmwrap.storage.migrating import upgrade
from llmwrap.storage.users import (
    NameTaken,
    add_user,
    list_users,
    user_by_username,
)
from tests.databases import empty_database, opened, server_url, settings_for, url_of
from tests.gateway import ROOT
from tests.storage.rows import alice


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def embedded(tmp_path):
    """The database that is there when no address is configured."""
    settings = settings_for("", data_dir=str(tmp_path / "var"))
    with closing(open_database(settings)) as database:
        yield database


def test_nothing_is_opened_before_the_first_use(embedded, tmp_path):
    assert list(tmp_path.iterdir()) == []


def test_embedded_database_is_for_its_owner_alone(embedded, tmp_path):
    old = os.umask(0)
    try:
        upgrade(embedded)
        with embedded.writing() as session:
            alice(session)
    finally:
        os.umask(old)

    folder = tmp_path / "var"
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "llmwrap.db": 0o600,
        "llmwrap.db-shm": 0o600,
        "llmwrap.db-wal": 0o600,
    }


def test_file_that_is_open_to_others_is_closed_to_them(embedded, tmp_path):
    file = tmp_path / "var" / "llmwrap.db"
    file.parent.mkdir()
    file.touch(0o644)

    upgrade(embedded)

    assert mode(file) == 0o600


def test_sqlite_is_set_up_for_many_readers_and_one_writer(embedded):
    settings = "journal_mode", "synchronous", "busy_timeout", "foreign_keys"
    with embedded.reading() as session:
        found = [session.scalar(text(f"PRAGMA {name}")) for name in settings]

    assert found == ["wal", 1, 5000, 1]


def test_relative_file_is_beside_the_program():
    with opened("sqlite:///var/x.db") as database:
        assert url_of(database).database == str(ROOT / "var/x.db")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?uri=true",
        "mysql://h/d",
        "oops",
    ],
)
def test_address_that_names_no_database_is_a_mistake_in_the_settings(url):
    with pytest.raises(SettingsError, match=r"^database\.url: the given value"):
        open_database(settings_for(url))


@pytest.mark.parametrize("parameter", ["sslmode=disable", "sslmode=prefer"])
def test_postgresql_takes_the_parameters_of_its_address(parameter):
    with (
        opened(f"{server_url()}?{parameter}") as database,
        database.reading() as session,
    ):
        assert session.scalar(text("SHOW statement_timeout")) == "5s"


def test_closed_database_opens_again(database):
    database.close()

    with database.writing() as session:
        alice(session)


def test_nothing_is_kept_of_a_writing_that_fails(database):
    def add_twice() -> None:
        with database.writing() as session:
            alice(session)
            alice(session)

    with pytest.raises(NameTaken):
        add_twice()

    with database.reading() as session:
        assert list_users(session, limit=9) == []


def test_nothing_is_kept_of_what_is_written_while_reading(database):
    with database.reading() as session:
        alice(session)

    with database.reading() as session:
        assert list_users(session, limit=9) == []


def test_reader_does_not_wait_for_a_writer(database):
    with database.writing() as writer:
        alice(writer)
        with database.reading() as session:
            assert user_by_username(session, "alice") is None

    with database.reading() as session:
        assert user_by_username(session, "alice").username == "alice"


def test_writers_who_read_first_wait_for_each_other(tmp_path):
    """With a plain BEGIN SQLite would refuse the second one at once."""
    with empty_database("sqlite", tmp_path) as url, opened(url) as database:
        upgrade(database)

        def add_one_more() -> None:
            with database.writing() as session:
                count = len(list_users(session, limit=99))
                add_user(session, username=f"user-{count}")

        threads = [threading.Thread(target=add_one_more) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with database.reading() as session:
            names = [user.username for user in list_users(session, limit=99)]
    assert names == [f"user-{number}" for number in range(12)]
