"""Trouble with a database: what it becomes, and that it passes."""

import logging
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from llmwrap.errors import StorageUnavailable
from llmwrap.storage.engine import open_database
from llmwrap.storage.migrating import upgrade
from llmwrap.storage.users import add_user, list_users, user_by_username
from tests.databases import empty_database, opened, server_url, settings_for, url_of
from tests.fakes.ports import never_accepting_url, refusing_url
from tests.gateway import ROOT
from tests.storage.rows import alice


def test_our_own_mistake_is_not_called_trouble_with_the_database(database):
    statement = text("INSERT INTO user_groups (user_id, group_id) VALUES (7, :group)")

    with pytest.raises(IntegrityError) as caught, database.writing() as session:
        session.execute(statement, {"group": 4_711_004_711})

    assert caught.value.statement
    if database.embedded:  # PostgreSQL names the key at fault
        assert "4711004711" not in str(caught.value)


CANARY = "canary-4d1f"


def test_refused_connection_is_unavailable_without_a_secret_in_it(caplog):
    with refusing_url() as http:
        url = http.replace("http://", f"postgres://somebody:{CANARY}@") + "/none"
        with (
            opened(url) as database,
            pytest.raises(StorageUnavailable) as caught,
            database.reading() as session,
        ):
            list_users(session, limit=1)

    error = caught.value
    assert (error.status, error.code, error.fault) == (
        503,
        "storage_unavailable",
        "gateway",
    )
    assert ("Retry-After", "1") in error.answer_headers()
    assert error.message == "the database does not answer; try again"
    (line,) = caplog.records
    assert (line.levelno, line.message) == (logging.WARNING, "storage_unavailable")
    assert "refused" in line.problem
    assert CANARY not in f"{line.__dict__}{error.__cause__}"


@pytest.mark.integration
@pytest.mark.alone
def test_server_that_never_accepts_is_unavailable_within_six_seconds():
    with never_accepting_url() as http:
        url = http.replace("http://", "postgresql://somebody@") + "/none"
        with opened(url) as database:
            started = time.monotonic()
            with pytest.raises(StorageUnavailable), database.reading() as session:
                list_users(session, limit=1)

            assert 4 < time.monotonic() - started < 6


@pytest.mark.integration
@pytest.mark.alone
def test_second_writer_waits_five_seconds_and_is_told_to_come_again(tmp_path):
    with empty_database("sqlite", tmp_path) as url, opened(url) as database:
        upgrade(database)
        with database.writing() as first:
            alice(first)
            with pytest.raises(StorageUnavailable), database.writing() as second:
                alice(second, username="bob")

        with database.reading() as session:
            assert user_by_username(session, "alice")


@pytest.mark.integration
@pytest.mark.alone
def test_full_pool_is_unavailable():
    settings = settings_for(server_url(), threads=1)
    with closing(open_database(settings)) as database, ExitStack() as taken:
        for _ in range(1 + 4):
            taken.enter_context(database.reading()).connection()
        with pytest.raises(StorageUnavailable), database.reading() as session:
            session.connection()


def test_file_that_is_no_database_is_unavailable(tmp_path):
    file = tmp_path / "x.db"
    file.write_bytes(b"this is not a database" * 100)
    with (
        opened(f"sqlite:///{file}") as database,
        pytest.raises(StorageUnavailable),
        database.reading() as session,
    ):
        list_users(session, limit=1)


def test_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").touch()
    with (
        opened(f"sqlite:///{tmp_path}/file/x.db") as database,
        pytest.raises(StorageUnavailable),
        database.reading() as session,
    ):
        session.connection()


def test_database_without_tables_is_unavailable_in_sqlite(tmp_path):
    with (
        empty_database("sqlite", tmp_path) as url,
        opened(url) as database,
        pytest.raises(StorageUnavailable),
        database.reading() as session,
    ):
        list_users(session, limit=1)


def test_unknown_parameter_of_the_address_is_unavailable():
    with (
        opened(f"{server_url()}?sslmod=disable") as database,
        pytest.raises(StorageUnavailable),
        database.reading() as session,
    ):
        session.connection()


def test_slow_statement_is_cut_off_after_the_time_that_the_address_gives():
    with opened(f"{server_url()}?options=-c%20statement_timeout%3D50") as database:
        with database.reading() as session:
            assert session.scalar(text("SHOW statement_timeout")) == "50ms"
        with pytest.raises(StorageUnavailable), database.reading() as session:
            session.execute(text("SELECT pg_sleep(5)"))


END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = %s AND pid <> pg_backend_pid()"
)


@pytest.fixture
def killer(tmp_path):
    """A PostgreSQL database, and how to end every connection to it."""
    with (
        empty_database("postgresql", tmp_path) as url,
        opened(url) as database,
        closing(psycopg.connect(server_url(), autocommit=True)) as server,
    ):
        name = make_url(url).database
        yield database, lambda: server.execute(END_OTHERS, [name]).fetchall()


def test_connection_that_ended_while_idle_is_not_felt(killer):
    database, end_connections = killer
    with database.reading() as session:
        session.execute(text("SELECT 1"))
    assert len(end_connections()) == 1

    with database.reading() as session:
        assert session.scalar(text("SELECT 2")) == 2


def test_connection_that_ends_in_use_is_unavailable_and_the_next_one_good(killer):
    database, end_connections = killer

    def use_until_it_ends() -> None:
        with database.writing() as session:
            session.execute(text("SELECT 1"))
            assert len(end_connections()) == 1
            session.execute(text("SELECT 1"))

    with pytest.raises(StorageUnavailable):
        use_until_it_ends()

    with database.reading() as session:
        assert session.scalar(text("SELECT 2")) == 2


WRITE_FOREVER = """
import sys
from llmwrap.storage.users import add_user
from tests.databases import opened
with opened(sys.argv[1]) as database:
    for number in range(1_000_000):
        with database.writing() as session:
            add_user(session, username=f"user-{number}", groups=["user"])
        print(number, flush=True)
"""


@pytest.mark.integration
@pytest.mark.alone
def test_database_opens_again_after_its_writer_was_killed(database):
    url = url_of(database).render_as_string(hide_password=False)
    command = [sys.executable, "-c", WRITE_FOREVER, url]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE
    ) as process:
        told = [int(process.stdout.readline()) for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]

    assert process.returncode == -signal.SIGKILL
    with database.writing() as session:
        add_user(session, username="after")
    with database.reading() as session:
        users = list_users(session, limit=100_000)
        if database.embedded:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
    names = {user.username for user in users}
    assert names >= {f"user-{number}" for number in told} | {"after"}
    assert len(users) <= len(told) + 2  # the one in progress may have been kept
    assert all(user.groups == {"user"} for user in users if user.username != "after")
