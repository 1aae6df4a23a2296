"""`llmwrap key`: the API keys of users. A key is shown once, when it is made."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import click

from llmwrap.auth.keys import KeyOrder, create_key, shown, status_of
from llmwrap.auth.pepper import Pepper
from llmwrap.auth.signing_key import SigningKeyError, load_signing_key
from llmwrap.cli.accounts import (
    ACTOR_KIND,
    PAGE,
    Store,
    account,
    any_account,
    ensure_row,
    opened_store,
    tell_if_open,
)
from llmwrap.cli.arguments import LABEL, PATTERN, RATES
from llmwrap.cli.output import day, json_option, show, table, unknown
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import SERVICE_NAMES
from llmwrap.storage.api_keys import (
    Scopes,
    StoredKey,
    key_by_id,
    keys_of,
    list_keys,
    revoke_key,
)
from llmwrap.storage.audit import record
from llmwrap.storage.reach import Reach
from llmwrap.storage.users import user_by_id

DAY_S = 86_400

HEADS = ("ID", "USER", "NAME", "KEY", "STATUS", "EXPIRES", "LAST USED", "LIMITS")

_audit = partial(record, actor_kind=ACTOR_KIND, resource_type="api_key")


@click.group()
def key() -> None:
    """API keys of users."""


@key.command()
@click.option("--user", required=True, help="Whose key it is.")
@click.option("--name", type=LABEL, required=True, help="What lists call it.")
@click.option(
    "--expires-days",
    "days",
    type=click.IntRange(min=1),
    help="Unless given, and at most, what auth.api_key_ttl_s says.",
)
@click.option(
    "--service",
    "services",
    type=click.Choice(SERVICE_NAMES),
    multiple=True,
    help="Opens this service alone; may be repeated.",
)
@click.option(
    "--model",
    "models",
    type=PATTERN,
    multiple=True,
    help="Opens models of this pattern alone; may be repeated.",
)
@click.option("--rate", type=RATES, help='As "20/minute", for this key alone.')
@json_option
@click.pass_obj
def create(  # noqa: PLR0913 - the options of a command
    folder: Path,
    user: str,
    name: str,
    days: int | None,
    services: tuple[str, ...],
    models: tuple[str, ...],
    rate: str | None,
    form: str,
) -> None:
    """Make a key, and print it this once."""
    with opened_store(folder) as store:
        owner = account(store, user)
        life_s = _life_s(days, store.settings.auth.api_key_ttl_s)
        order = KeyOrder(name, life_s, _scopes(services, models), rate or "")
        ensure_row(store, owner)
        made, secret = _created(store, owner.id, order)
        show(
            form,
            _value(made, owner.username) | {"key": secret},
            f"{secret}\n\nThis is the key {name!r} of {owner.username}, good until"
            f" {day(made.expires_at)}; it is shown this once.\nIts id is {made.id}.",
        )
        tell_if_open(store.settings)


@key.command("list")
@click.option("--user", help="Only the keys of this user.")
@json_option
@click.pass_obj
def list_(folder: Path, user: str | None, form: str) -> None:
    """Print every key by its ends, revoked ones too."""
    with opened_store(folder) as store:
        owner = any_account(store, user).id if user else ""
        keys = [*_keys(store, owner)]
        values = [_value(each, name) for each, name in keys]
        show(form, values, table(HEADS, (_row(each, name) for each, name in keys)))


@key.command()
@click.argument("id")
@json_option
@click.pass_obj
def revoke(folder: Path, id: str, form: str) -> None:
    """End the key with this ID, which lists show."""
    with opened_store(folder) as store:
        with store.database.writing() as session:
            if revoke_key(session, id, user_id=None, now=datetime.now(UTC)):
                _audit(session, action="key_revoked", resource_id=id)
            revoked = key_by_id(session, id)
        if revoked is None:
            raise unknown("key", id, (each.id for each, _ in _keys(store, "")))
        owner = _owner(store, revoked.user_id)
        show(form, _value(revoked, owner), f"{revoked.name!r} of {owner} is revoked")


def _life_s(days: int | None, most_s: int) -> int | None:
    if days is None:
        return None
    if days * DAY_S > most_s:
        raise click.ClickException(
            f"--expires-days is {days}; auth.api_key_ttl_s allows at most"
            f" {most_s / DAY_S:g} days"
        )
    return days * DAY_S


def _scopes(services: tuple[str, ...], models: tuple[str, ...]) -> Scopes | None:
    given = {"services": services, "models": models}
    return {name: values for name, values in given.items() if values} or None


def _created(store: Store, user_id: str, order: KeyOrder) -> tuple[StoredKey, str]:
    settings, database = store.settings, store.database
    try:
        pepper = Pepper(load_signing_key(settings.data_dir))
        made, secret = create_key(
            Reach(database), pepper, settings.auth, user_id, order
        )
    except (SigningKeyError, InvalidRequest) as error:
        raise click.ClickException(str(error)) from error
    with database.writing() as session:
        _audit(session, action="key_created", resource_id=made.id)
    return made, secret


def _keys(store: Store, owner: str) -> Iterator[tuple[StoredKey, str]]:
    """The keys of one user, or ("") of all, each with the name of its user."""
    page_after = partial(keys_of, user_id=owner) if owner else list_keys
    name_of = cache(partial(_owner, store))
    after = ""
    with store.database.reading() as session:
        while page := page_after(session, limit=PAGE, after=after):
            after = page[-1].id
            for each in page:
                yield each, name_of(each.user_id)


def _owner(store: Store, user_id: str) -> str:
    """The name of the user, or the id of one who was removed."""
    with store.database.reading() as session:
        user = user_by_id(session, user_id)
    return user.username if user else user_id


def _value(key: StoredKey, owner: str) -> dict[str, Any]:
    """A key for programs: as the route of keys shows it, and whose it is."""
    return {
        "id": key.id,
        "user": owner,
        "user_id": key.user_id,
        "name": key.name,
        "prefix": key.prefix,
        "suffix": key.suffix,
        "status": status_of(key, datetime.now(UTC)),
        "scopes": key.scopes,
        "rate": key.rate_limit,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _row(key: StoredKey, owner: str) -> tuple[str, ...]:
    scopes = key.scopes or {}
    limits = [*scopes.get("services", ()), *scopes.get("models", ()), key.rate_limit]
    return (
        key.id,
        owner,
        key.name,
        shown(key),
        status_of(key, datetime.now(UTC)),
        day(key.expires_at),
        day(key.last_used_at),
        ", ".join(filter(None, limits)),
    )
