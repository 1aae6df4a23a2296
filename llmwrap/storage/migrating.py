"""Bringing the schema of a database up to date, by the files below `migrations/`."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from llmwrap.storage.engine import Database
from llmwrap.storage.records import AuditLog
from llmwrap.storage.revisions import check_known, foreign, revision_of

LOCK = 0x6C6C6D77726170
"""The advisory lock that migrations hold in PostgreSQL: "llmwrap" in ASCII."""


def upgrade(database: Database) -> None:
    """Bring the schema up to date, all of it or nothing; a current one stays as it is.

    Of several processes that do it together one does, the others wait. Raises
    DatabaseTooNew or DatabaseForeign.
    """
    with database.changing_schema() as connection:
        if not database.embedded:
            # Only this transaction may take long; the lock ends with it.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK}
            )
        found = revision_of(connection)
        check_known(found)
        _refuse_foreign(connection, found)
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _refuse_foreign(connection: Connection, found: str) -> None:
    """Who has no revision of ours has no tables of ours."""
    if not found:
        there = set(inspect(connection).get_table_names())
        if taken := there & set(AuditLog.metadata.tables):
            raise foreign(taken)


def migration_config() -> Config:
    """Alembic's own settings: where the files are."""
    config = Config()
    config.set_main_option("script_location", "llmwrap.storage:migrations")
    return config
