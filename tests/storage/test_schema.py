"""The migrations make what the models say, once, whoever runs them."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from llmwrap.errors import StorageUnavailable
from llmwrap.storage import migrating, revisions
from llmwrap.storage.engine import Database
from llmwrap.storage.records import Base
from tests.databases import ENGINES, empty_database, opened
from tests.fakes.ports import refusing_url
from tests.gateway import ROOT

TABLES = {
    "alembic_version",
    "api_keys",
    "audit_log",
    "conversation_items",
    "conversations",
    "group_models",
    "groups",
    "refresh_tokens",
    "revoked_tokens",
    "usage_daily",
    "usage_records",
    "user_groups",
    "users",
}


@pytest.fixture(params=ENGINES)
def empty_url(request, tmp_path) -> Iterator[str]:
    with empty_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def empty(empty_url) -> Iterator[Database]:
    with opened(empty_url) as database:
        yield database


def tables(database) -> set[str]:
    with database.reading() as session:
        return set(inspect(session.connection()).get_table_names())


def definitions(database) -> set[tuple[str, ...]]:
    """Every column, constraint and index, in the words of the engine."""
    queries = {
        True: ("SELECT type, tbl_name, name, sql FROM sqlite_master",),
        False: (
            "SELECT 'index', tablename, indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public'",
            "SELECT 'constraint', conrelid::regclass::text, conname,"
            " pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0"
            " AND connamespace = 'public'::regnamespace",
            "SELECT 'column', table_name, column_name, concat_ws(' ', data_type,"
            " is_nullable, column_default, is_identity, identity_generation)"
            " FROM information_schema.columns WHERE table_schema = 'public'",
        ),
    }
    with database.reading() as session:
        rows = [
            tuple(row)
            for query in queries[database.embedded]
            for row in session.execute(text(query))
        ]
    rows = [row for row in rows if row[1] != "alembic_version"]
    if not database.embedded:
        return set(rows)
    return {
        (kind, table, name, *sorted(line.strip(",\t ") for line in sql.splitlines()))
        for kind, table, name, sql in rows
        if sql  # an index that a constraint brought has none
    }


def test_migrations_make_every_table(empty):
    migrating.upgrade(empty)

    assert tables(empty) == TABLES


def test_alembic_finds_no_difference_between_migrations_and_models(database):
    with database.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_define_exactly_what_the_models_define(database, tmp_path):
    engine = "sqlite" if database.embedded else "postgresql"
    with empty_database(engine, tmp_path) as url, opened(url) as other:
        with other.changing_schema() as connection:
            Base.metadata.create_all(connection)
        wanted = definitions(other)

    assert len(wanted) > 30
    assert definitions(database) == wanted


def test_three_groups_are_there_from_the_start(database):
    with database.reading() as session:
        groups = session.execute(
            text("SELECT name, can_chat, is_blocked FROM groups ORDER BY name")
        ).all()

    assert [tuple(group) for group in groups] == [
        ("admin", True, False),
        ("blocked", False, True),
        ("user", True, False),
    ]


def test_known_revisions_are_those_of_the_files():
    scripts = ScriptDirectory.from_config(migrating.migration_config())
    files = [each.revision for each in scripts.walk_revisions()]

    assert tuple(reversed(files)) == revisions.KNOWN


def test_upgrading_twice_changes_nothing(empty):
    migrating.upgrade(empty)
    once = definitions(empty)

    migrating.upgrade(empty)

    assert definitions(empty) == once
    with empty.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM groups")) == 3


UPGRADE = """
import sys
from llmwrap.storage.migrating import upgrade
from llmwrap.storage.revisions import is_current
from tests.databases import opened
print("ready", flush=True)
sys.stdin.read(1)
with opened(sys.argv[1]) as database:
    upgrade(database)
    print(is_current(database))
"""


@pytest.mark.integration
def test_two_processes_that_upgrade_together_both_succeed(empty_url):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", UPGRADE, empty_url]
    processes = [
        subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(2)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("x")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in processes]

    assert ends == [("True\n", "")] * 2
    with opened(empty_url) as database:
        assert tables(database) == TABLES


def test_upgrade_that_fails_leaves_nothing_behind(empty):
    with empty.changing_schema() as connection:
        connection.execute(text("CREATE TABLE other (ts INTEGER)"))
        connection.execute(text("CREATE INDEX ix_audit_log_ts ON other (ts)"))

    with pytest.raises(Exception, match=r"exist|does not answer"):
        migrating.upgrade(empty)

    assert tables(empty) == {"other"}
    assert not revisions.is_current(empty)


def test_tables_of_something_else_are_left_alone(empty):
    with empty.changing_schema() as connection:
        connection.execute(text("CREATE TABLE audit_log (id INTEGER)"))

    with pytest.raises(revisions.DatabaseForeign, match=r"\(audit_log\)"):
        migrating.upgrade(empty)

    assert tables(empty) == {"audit_log"}


def test_embedded_database_is_upgraded_when_it_is_required(tmp_path):
    with empty_database("sqlite", tmp_path) as url, opened(url) as database:
        assert not revisions.is_current(database)

        revisions.require_current(database)

        assert revisions.is_current(database)
        revisions.require_current(database)


def test_server_database_is_not_upgraded_without_being_asked(tmp_path):
    with empty_database("postgresql", tmp_path) as url, opened(url) as database:
        with pytest.raises(revisions.DatabaseOutdated) as caught:
            revisions.require_current(database)

        assert str(caught.value) == (
            "the database has no tables of llmwrap, r0001 is needed; "
            "run `llmwrap db upgrade`"
        )
        assert tables(database) == set()
        migrating.upgrade(database)
        revisions.require_current(database)


def test_database_of_a_newer_program_is_refused(empty):
    migrating.upgrade(empty)
    with empty.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))

    for use in (revisions.require_current, migrating.upgrade):
        with pytest.raises(revisions.DatabaseTooNew, match="r9999"):
            use(empty)


def test_server_that_does_not_answer_is_unavailable_to_migrations():
    with refusing_url() as http, opened(http.replace("http", "postgresql")) as database:
        for use in (revisions.require_current, migrating.upgrade, revisions.is_current):
            with pytest.raises(StorageUnavailable):
                use(database)
