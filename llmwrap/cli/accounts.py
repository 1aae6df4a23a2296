"""The accounts that a command speaks of: predefined users first, then those of the database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from llmwrap.auth.accounts import RESERVED
from llmwrap.auth.users import PredefinedUsers, UserRecord, record_of
from llmwrap.cli.config import load_or_exit
from llmwrap.cli.db import opened_database
from llmwrap.cli.output import tell, unknown
from llmwrap.settings.values import Settings
from llmwrap.storage.engine import Database
from llmwrap.storage.names import looks_like_id
from llmwrap.storage.revisions import require_current
from llmwrap.storage.static_users import BLOCKED, sync_static_user
from llmwrap.storage.users import (
    AccountState,
    NameTaken,
    UnknownUser,
    account_states,
    list_users,
    user_by_id,
    user_by_sign_in_name,
)

PAGE = 500

ACTOR_KIND = "cli"
"""Who the audit log says it was."""


@dataclass(frozen=True, slots=True)
class Store:
    """The settings, and the accounts and keys that they lead to."""

    settings: Settings
    database: Database
    predefined: PredefinedUsers


@contextmanager
def opened_store(folder: Path) -> Iterator[Store]:
    """What the server has, whether it runs or not; trouble ends the command with one line.

    An embedded database is made, or brought up to date, as the server does.
    """
    settings = load_or_exit(folder).settings
    try:
        with opened_database(settings) as database:
            require_current(database)
            yield Store(settings, database, PredefinedUsers(settings.users))
    except (NameTaken, UnknownUser) as error:
        # Somebody else was faster than this command.
        raise click.ClickException(f"{error}; nothing was changed") from error


def find(store: Store, name: str) -> UserRecord | None:
    """Whose id this is; or whose username or email, as at sign-in.

    A predefined user comes with what was done here: blocked, disabled.
    """
    known = store.predefined
    with store.database.reading() as session:
        predefined, stored = known.by_id(name), user_by_id(session, name)
        if not predefined and not stored:
            predefined = known.by_sign_in_name(name)
        if predefined:
            return _as_of_now(predefined, account_states(session))
        stored = stored or user_by_sign_in_name(session, name)
    return record_of(stored) if stored else None


def any_account(store: Store, name: str) -> UserRecord:
    """As `find`; a name that nobody has ends the command with a suggestion."""
    user = find(store, name)
    if user is None:
        names = (each.username for each in everybody(store) if not each.is_guest)
        raise unknown("user", name, names)
    return user


def account(store: Store, name: str) -> UserRecord:
    """As `any_account`, and it is one that can still be used."""
    user = any_account(store, name)
    if is_left_over(store, user):
        raise click.ClickException(
            f"{user.username} stands in the configuration no more; "
            f"`llmwrap user rm {user.username}` frees the name"
        )
    return user


def everybody(store: Store) -> Iterator[UserRecord]:
    """Every account: the predefined ones in file order, then the others, oldest first."""
    with store.database.reading() as session:
        states = account_states(session) if store.settings.users else {}
        for each in store.settings.users:
            if predefined := store.predefined.by_username(each.username):
                yield _as_of_now(predefined, states)
        after = ""
        while page := list_users(session, limit=PAGE, after=after):
            after = page[-1].id
            yield from (
                record_of(row) for row in page if not store.predefined.by_id(row.id)
            )


def ensure_row(store: Store, user: UserRecord) -> None:
    """Give a predefined user the row that groups and keys hang on."""
    if user.kind != "static":
        return
    try:
        with store.database.writing() as session:
            has_names = sync_static_user(
                session,
                id=user.id,
                username=user.username,
                email=user.email,
                groups=user.groups - {BLOCKED},
            )
    except UnknownUser as error:
        raise click.ClickException(
            f"the account of {user.username} was removed here, for ever: have another "
            "username in the configuration"
        ) from error
    if not has_names:
        tell(
            f"another account has the name or the email of {user.username}, who stands "
            "in the configuration: `llmwrap user list` shows it, and `llmwrap user rm ID` "
            "removes it"
        )


def check_names(store: Store, username: str, email: str) -> None:
    """End the command if one of the names of a new account is taken."""
    for what, name in (("name", username), ("email", email)):
        if name.casefold() in RESERVED or looks_like_id(name):
            raise click.ClickException(f"the {what} {name!r} is reserved")
        holder = find(store, name) if name else None
        if holder and not (what == "email" and _only_claims(holder, name)):
            raise click.ClickException(
                f"the {what} {name!r} belongs to {holder.username!r} "
                f"({kind_of(store, holder)} user)"
            )


def _only_claims(holder: UserRecord, email: str) -> bool:
    """Whether the holder of an address has to give it up to whom the operator gives it."""
    return holder.email_claimed and holder.email.casefold() == email.casefold()


def is_predefined(store: Store, user: UserRecord) -> bool:
    """Whether the account stands in the configuration."""
    return store.predefined.by_id(user.id) is not None


def is_left_over(store: Store, user: UserRecord) -> bool:
    """Whether the account stood in the configuration once."""
    return user.kind == "static" and not is_predefined(store, user)


def kind_of(store: Store, user: UserRecord) -> str:
    """Where an account comes from, in a word."""
    if user.kind != "static":
        return user.kind
    return "former" if is_left_over(store, user) else "predefined"


def status_of(user: UserRecord) -> str:
    """Whether an account can be used, in a word."""
    if not user.active:
        return "disabled"
    return "blocked" if BLOCKED in user.groups else "active"


def value_of(store: Store, user: UserRecord) -> dict[str, Any]:
    """An account for programs."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "groups": sorted(user.groups),
        "kind": kind_of(store, user),
        "status": status_of(user),
    }


def tell_if_open(settings: Settings) -> None:
    """Say that nobody is asked for a credential yet, where that is so unasked."""
    if settings.auth.mode == "auto" and not settings.auth_required:
        tell(
            'nobody is asked for a credential yet: set auth.mode = "required" in the '
            "configuration and reload"
        )


def _as_of_now(user: UserRecord, states: Mapping[str, AccountState]) -> UserRecord:
    state = states.get(user.id)
    if state is None:
        return user
    groups = user.groups | (state.groups & {BLOCKED})
    return replace(user, groups=groups, active=state.status == "active")
