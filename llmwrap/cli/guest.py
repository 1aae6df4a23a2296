"""`llmwrap guest`: what an operator does about guest accounts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from llmwrap.cli.accounts import ACTOR_KIND, Store, opened_store
from llmwrap.cli.output import json_option, show
from llmwrap.storage.audit import record
from llmwrap.storage.users import purge_guests


@click.group()
def guest() -> None:
    """Guest accounts."""


@guest.command()
@click.option(
    "--days",
    type=click.IntRange(min=1, max=36_500),
    default=30,
    show_default=True,
    help="Guests who were here since then stay.",
)
@json_option
@click.pass_obj
def purge(folder: Path, days: int, form: str) -> None:
    """Remove guests who were not here lately, with their keys and conversations."""
    inactive_since = datetime.now(UTC) - timedelta(days=days)
    with opened_store(folder) as store:
        removed = 0
        while batch := _purged(store, inactive_since):
            removed += batch
        show(form, {"removed": removed}, f"guests removed: {removed}")


def _purged(store: Store, inactive_since: datetime) -> int:
    """Remove some, so that nobody who writes waits for long; 0 is the end."""
    with store.database.writing() as session:
        removed = purge_guests(session, inactive_since)
        if removed:
            record(
                session,
                action="guests_purged",
                actor_kind=ACTOR_KIND,
                resource_type="user",
                detail={"removed": removed},
            )
    return removed
