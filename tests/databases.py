"""Real databases for tests, of both engines; and fixtures, to be imported into a conftest.

SQLite is always there. A PostgreSQL server is one whose URL stands in VARIABLE: the user needs
the right to create databases, and what is made there is dropped at the end.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from llmwrap.settings import values
from llmwrap.storage.engine import Database, open_database
from llmwrap.storage.migrating import upgrade
from llmwrap.storage.records import Base

ENGINES = ("sqlite", "postgresql")
VARIABLE = "LLMWRAP_TEST_POSTGRES_URL"
CLEAR = (
    *(
        f"DELETE FROM {table.name}"
        for table in reversed(Base.metadata.sorted_tables)
        if table.name != "groups"
    ),
    "DELETE FROM groups WHERE name NOT IN ('admin', 'blocked', 'user')",
)


def server_url() -> str:
    """The URL of the PostgreSQL server; without one the test is skipped, in CI it fails."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        missing = f"{VARIABLE} is not set: nothing is tested on PostgreSQL"
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(missing)
    return url


@contextmanager
def empty_database(engine: str, folder: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if engine == "sqlite":
        yield f"sqlite:///{folder}/empty-{secrets.token_hex(4)}.db"
        return
    url, name = make_url(server_url()), f"llmwrap_test_{secrets.token_hex(6)}"
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        try:
            made = url.set(drivername="postgresql", database=name)
            yield made.render_as_string(hide_password=False)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def settings_for(url: str, *, data_dir: str = "", threads: int = 16) -> values.Settings:
    """Settings that name this database; "" is the embedded one in `data_dir`."""
    return values.Settings(
        server=values.Server(data_dir=data_dir, threads=threads),
        database=values.Database(url=url),
    )


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The database at this URL, closed at the end."""
    with closing(open_database(settings_for(url))) as database:
        yield database


@pytest.fixture(scope="session")
def migrated(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Database]]:
    """Engine -> a database with every table, made when first asked for."""
    folder = tmp_path_factory.mktemp("migrated")
    with ExitStack() as ends:

        @cache
        def made(engine: str) -> Database:
            url = ends.enter_context(empty_database(engine, folder))
            database = ends.enter_context(opened(url))
            upgrade(database)
            return database

        yield made


@pytest.fixture(params=ENGINES)
def database(
    request: pytest.FixtureRequest, migrated: Callable[[str], Database]
) -> Iterator[Database]:
    """A database with every table and nothing but the seeds in it; once on each engine."""
    database = migrated(request.param)
    yield database
    with database.writing() as session:
        for statement in CLEAR:
            session.connection().exec_driver_sql(statement)


def url_of(database: Database) -> URL:
    """Where another process finds it."""
    with database.reading() as session:
        return session.get_bind().engine.url
