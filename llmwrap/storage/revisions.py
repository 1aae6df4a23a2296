"""Which revision the schema of a database is at, and which one this program was written for.

Alembic is imported only where there is something to migrate: a start that finds all in order needs
none of it.
"""

from collections.abc import Iterable
from importlib import import_module

from sqlalchemy import Connection, inspect, text

from llmwrap.storage.engine import Database

COMMAND = "llmwrap db upgrade"

KNOWN = ("r0001",)
"""The revisions below `migrations/`, oldest first."""


VERSIONS = "alembic_version"


class SchemaMismatch(Exception):
    """The database's schema and this program do not fit together."""


class DatabaseOutdated(SchemaMismatch):
    """The schema is older than this program; the text names the command that helps."""


class DatabaseTooNew(SchemaMismatch):
    """The schema is one that this program does not know yet."""


class DatabaseForeign(SchemaMismatch):
    """The database belongs to another program."""


def is_current(database: Database) -> bool:
    """Tell whether the schema is the one that this program was written for."""
    return current_revision(database) == KNOWN[-1]


def require_current(database: Database) -> None:
    """Make sure of the schema: an embedded database is upgraded, a server is not.

    Raises DatabaseOutdated or DatabaseTooNew.
    """
    found = current_revision(database)
    if found == KNOWN[-1]:
        return
    check_known(found)
    if not database.embedded:
        raise DatabaseOutdated(
            f"the database has {found or 'no tables of llmwrap'}, "
            f"{KNOWN[-1]} is needed; run `{COMMAND}`"
        )
    import_module("llmwrap.storage.migrating").upgrade(database)


def current_revision(database: Database) -> str:
    """The revision of the database's schema, "" for an empty one."""
    with database.reading() as session:
        return revision_of(session.connection())


def revision_of(connection: Connection) -> str:
    """The same, in a transaction that is under way; the table is Alembic's (1.20)."""
    known = inspect(connection)
    if not known.has_table(VERSIONS):
        return ""
    if "version_num" not in {each["name"] for each in known.get_columns(VERSIONS)}:
        raise foreign([VERSIONS])
    return connection.scalar(text(f"SELECT version_num FROM {VERSIONS}")) or ""  # noqa: S608


def check_known(found: str) -> None:
    """Raise DatabaseTooNew for a revision of a later release; "" is none."""
    if found and found not in KNOWN:
        raise DatabaseTooNew(
            f"the database is at {found}, which this version of llmwrap does not know: "
            "install the one that upgraded it, or a newer one"
        )


def foreign(tables: Iterable[str]) -> DatabaseForeign:
    """The error for tables that are called as ours are and were not made by us."""
    return DatabaseForeign(
        f"the database has tables of something else ({', '.join(sorted(tables))}): name "
        "another one in database.url"
    )
