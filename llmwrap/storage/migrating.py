"""Bringing the schema of a database up to date, by the files below `migrations/`."""

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from llmwrap.storage.engine import Database
from llmwrap.storage.revisions import check_known, revision_of

LOCK = 0x6C6C6D77726170
"""The advisory lock that migrations hold in PostgreSQL: "llmwrap" in ASCII."""


def upgrade(database: Database) -> None:
    """Bring the schema up to date, all of it or nothing; a current one stays as it is.

    Of several processes that do it together one does, the others wait. Raises
    DatabaseTooNew.
    """
    with database.changing_schema() as connection:
        if not database.embedded:
            # Only this transaction may take long; the lock ends with it.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK}
            )
        check_known(revision_of(connection))
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def migration_config() -> Config:
    """Alembic's own settings: where the files are."""
    config = Config()
    config.set_main_option("script_location", "llmwrap.storage:migrations")
    return config
