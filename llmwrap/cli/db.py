"""`llmwrap db`: what an operator does about the database."""

import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from llmwrap.cli.config import BAD_SETTINGS, load_or_exit
from llmwrap.errors import StorageUnavailable
from llmwrap.settings import SettingsError
from llmwrap.settings.values import Settings
from llmwrap.storage.engine import DEFECTS, Database, open_database, reason
from llmwrap.storage.migrating import upgrade as upgrade_database
from llmwrap.storage.revisions import KNOWN, SchemaMismatch, current_revision


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """The configured database; trouble with it ends the command with one line."""
    # The line says what the log would.
    logging.getLogger("llmwrap.storage").addHandler(logging.NullHandler())
    try:
        with closing(open_database(settings)) as database:
            yield database
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_SETTINGS)
    except StorageUnavailable as error:
        said = reason(error.__cause__ or error)
        raise click.ClickException(f"the database does not answer: {said}") from error
    except SchemaMismatch as error:
        raise click.ClickException(str(error)) from error
    except DEFECTS as error:
        raise click.ClickException(f"the database refuses: {reason(error)}") from error


@click.group()
def db() -> None:
    """The database and its schema."""


@db.command()
@click.pass_obj
def upgrade(folder: Path) -> None:
    """Bring the schema up to date; a current one stays as it is."""
    with opened_database(load_or_exit(folder).settings) as database:
        upgrade_database(database)
        click.echo(f"the database is at {current_revision(database)}")


@db.command()
@click.pass_obj
def current(folder: Path) -> None:
    """Print the revision of the schema; exit status 1 when it is not the one needed."""
    with opened_database(load_or_exit(folder).settings) as database:
        found, needed = current_revision(database), KNOWN[-1]
    click.echo(f"the database is at {found or 'no revision'}, {needed} is needed")
    sys.exit(int(found != needed))
