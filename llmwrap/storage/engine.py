"""Opening the database: one engine per process, one session per operation.

Which database it is, and how its connections are set up; what is in it is no matter here.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.orm import Session

from llmwrap.errors import StorageUnavailable
from llmwrap.settings import CHECKOUT, SettingsError
from llmwrap.settings.values import Settings
from llmwrap.storage.columns import write_json

log = logging.getLogger(__name__)

FILE_NAME = "llmwrap.db"
WAIT_S = 5
"""For a connection, for a place in the pool, for another writer, for one statement."""

SPARE_CONNECTIONS = 4
"""Beside one per thread: for the threads in the background."""

DEFECTS = (
    exc.DataError,
    exc.IntegrityError,
    exc.NotSupportedError,
    exc.ProgrammingError,
)
"""A statement that the database understood and refused: our mistake, not its trouble."""


class Database:
    """A database that opens at the first use and is shared by all threads.

    Nothing is open before that, so that it survives a fork; call `close` before another.
    Every trouble with the database is a StorageUnavailable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(writing=True)

    @property
    def embedded(self) -> bool:
        """Whether it is a file of ours (SQLite), and no server of its own."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the data; what it writes is not kept."""
        with _trouble_as_unavailable(), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are kept together at the end, or none after an error.

        SQLite has one writer at a time: keep it short, and wait for nothing else in it.
        """
        with (
            _trouble_as_unavailable(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def changing_schema(self) -> Iterator[Connection]:
        """A connection in one transaction, for the migrations."""
        with _trouble_as_unavailable(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection; another use opens new ones."""
        self._engine.dispose()


def open_database(settings: Settings) -> Database:
    """The database of `database.url`; nothing is opened yet.

    Raises SettingsError for an address that names none.
    """
    default = f"sqlite:///{settings.data_dir / FILE_NAME}"
    try:
        url = make_url(settings.database.url or default)
    except (exc.ArgumentError, ValueError) as error:  # the latter for a port
        raise _bad_url("it is not an address") from error
    pool = {
        "pool_size": settings.server.threads,
        "max_overflow": SPARE_CONNECTIONS,
        "pool_timeout": WAIT_S,
    }
    make = _sqlite if url.get_backend_name() == "sqlite" else _postgresql
    return Database(make(url, pool))


def reason(error: BaseException) -> str:
    """What the database said, on one line, without statement and values."""
    said = getattr(error, "orig", None) or error
    return (str(said).splitlines() or [type(said).__name__])[0]


def _bad_url(why: str) -> SettingsError:
    return SettingsError([f"database.url: the given value is not accepted; {why}"])


def _sqlite(url: URL, pool: dict[str, Any]) -> Engine:
    name = url.database or ":memory:"
    if name == ":memory:" or name.startswith("file:"):
        raise _bad_url("give the path of a file, as in sqlite:////srv/llmwrap.db")
    file = CHECKOUT / name
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        connect_args={"timeout": WAIT_S},
        hide_parameters=True,
        **pool,
    )

    @event.listens_for(engine, "do_connect")
    def before_connecting(*_: object) -> None:
        _keep_private(file)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        # The driver begins no transaction of its own accord; `begin` below does.
        connection.isolation_level = None
        _use_wal(connection)
        for setting in ("synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Who reads first and writes later could not wait for another writer.
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _use_wal(connection: Any) -> None:
    """Once for a file; who changes it at the same moment is not waited for by SQLite 3.40."""
    until = time.monotonic() + WAIT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _keep_private(file: Path) -> None:
    """Have the file, for its owner alone; SQLite makes -wal and -shm of the same mode."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        if file.stat().st_mode & 0o077:
            for part in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
                with suppress(FileNotFoundError):
                    part.chmod(0o600)
    except OSError as error:
        raise _unavailable(error) from error


def _postgresql(url: URL, pool: dict[str, Any]) -> Engine:
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise _bad_url("it is neither sqlite nor postgresql")
    asked = url.query.get("options", "")
    options = f"-c statement_timeout={WAIT_S}s {asked}"  # the later one counts
    bounds = {
        "connect_timeout": WAIT_S,
        # A server that is gone without a word is noticed.
        "keepalives_idle": WAIT_S,
        "keepalives_interval": 1,
        "keepalives_count": WAIT_S,
        "tcp_user_timeout": 2 * WAIT_S * 1000,
    }
    free = {name: value for name, value in bounds.items() if name not in url.query}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={**free, "options": options},
        json_serializer=write_json,
        pool_pre_ping=True,
        hide_parameters=True,
        **pool,
    )


@contextmanager
def _trouble_as_unavailable() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise _unavailable(error) from error
    except exc.DBAPIError as error:
        # Without a statement it was the connection that failed.
        understood = error.statement is not None and not error.connection_invalidated
        if understood and isinstance(error, DEFECTS):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> StorageUnavailable:
    log.warning("storage_unavailable", extra={"problem": reason(error)})
    return StorageUnavailable("the database does not answer; try again")
