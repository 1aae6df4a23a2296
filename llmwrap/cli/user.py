"""`llmwrap user`: what an operator does about users."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from llmwrap.auth.basic import MIN_NEW_CHARS
from llmwrap.auth.principal import GENERATING_GROUPS
from llmwrap.auth.users import UserRecord, record_of
from llmwrap.cli.accounts import (
    ACTOR_KIND,
    Store,
    account,
    any_account,
    check_names,
    ensure_row,
    everybody,
    is_predefined,
    kind_of,
    opened_store,
    status_of,
    tell_if_open,
    value_of,
)
from llmwrap.cli.arguments import EMAIL, GROUP, USERNAME
from llmwrap.cli.output import json_option, show, table, tell
from llmwrap.cli.passwords import hashed, read_password
from llmwrap.storage.audit import record
from llmwrap.storage.static_users import BLOCKED
from llmwrap.storage.tokens import revoke_refresh_tokens_of
from llmwrap.storage.users import (
    add_group,
    add_user,
    delete_user,
    remove_group,
    set_password,
)

_audit = partial(record, actor_kind=ACTOR_KIND, resource_type="user")

HEADS = ("NAME", "EMAIL", "GROUPS", "KIND", "STATUS", "ID")


@click.group()
def user() -> None:
    """Users and their passwords."""


@user.command()
@json_option
def hash_password(form: str) -> None:
    """Print the hash of a password, for the configuration.

    The password is asked for, or one line of stdin; the hash goes into `password_hash` of
    a user in the configuration.
    """
    password_hash = hashed(read_password())
    show(form, {"password_hash": password_hash}, password_hash)


@user.command()
@click.argument("name", type=USERNAME)
@click.option("--email", type=EMAIL, help="To sign in with, too.")
@click.option(
    "--group",
    "groups",
    type=GROUP,
    multiple=True,
    default=["user"],
    show_default=True,
    help="May be repeated.",
)
@json_option
@click.pass_obj
def add(
    folder: Path, name: str, email: str | None, groups: tuple[str, ...], form: str
) -> None:
    """Add the user NAME.

    The password is asked for, or one line of stdin.
    """
    with opened_store(folder) as store:
        check_names(store, name, email or "")
        password_hash = hashed(read_password(least_chars=MIN_NEW_CHARS))
        with store.database.writing() as session:
            made = add_user(
                session,
                username=name,
                email=email or "",
                password_hash=password_hash,
                groups=groups,
            )
            _audit(session, action="user_created", resource_id=made.id)
        _show(store, record_of(made), form, f"{name} is added")
        _tell_if_idle(groups)
        tell_if_open(store.settings)


@user.command("list")
@json_option
@click.pass_obj
def list_(folder: Path, form: str) -> None:
    """Print every user, those of the configuration first."""
    with opened_store(folder) as store:
        users = [*everybody(store)]
        rows = (
            (
                each.username,
                each.email,
                ",".join(sorted(each.groups)),
                kind_of(store, each),
                status_of(each),
                each.id,
            )
            for each in users
        )
        show(form, [value_of(store, each) for each in users], table(HEADS, rows))


@user.command()
@click.argument("name")
@json_option
@click.pass_obj
def passwd(folder: Path, name: str, form: str) -> None:
    """Change the password of NAME.

    It is asked for, or one line of stdin. Sessions that have begun end, API keys stay.
    """
    with opened_store(folder) as store:
        found = account(store, name)
        _refuse_foreign_password(store, found)
        password_hash = hashed(read_password(least_chars=MIN_NEW_CHARS))
        with store.database.writing() as session:
            set_password(session, found.id, password_hash)
            revoke_refresh_tokens_of(session, found.id, datetime.now(UTC))
            _audit(session, action="password_changed", resource_id=found.id)
        _show(store, found, form, f"{found.username} has a new password")


@user.command()
@click.argument("name")
@json_option
@click.pass_obj
def block(folder: Path, name: str, form: str) -> None:
    """Let NAME in no more.

    Keys and sessions are kept for `unblock`.
    """
    with opened_store(folder) as store:
        found = account(store, name)
        ensure_row(store, found)
        with store.database.writing() as session:
            add_group(session, found.id, BLOCKED)
            _audit(session, action="user_blocked", resource_id=found.id)
        _show(store, account(store, found.id), form, f"{found.username} is blocked")


@user.command()
@click.argument("name")
@json_option
@click.pass_obj
def unblock(folder: Path, name: str, form: str) -> None:
    """Let NAME in again."""
    with opened_store(folder) as store:
        found = account(store, name)
        predefined = store.predefined.by_id(found.id)
        if predefined and BLOCKED in predefined.groups:
            raise click.ClickException(
                f"the configuration has {found.username} in group {BLOCKED}: "
                "take it out there and reload"
            )
        ensure_row(store, found)
        with store.database.writing() as session:
            remove_group(session, found.id, BLOCKED)
            _audit(session, action="user_unblocked", resource_id=found.id)
        _show(store, account(store, found.id), form, f"{found.username} is not blocked")


@user.command()
@click.argument("name")
@click.option("--yes", "answer", flag_value="yes", default="", help="Do not ask.")
@json_option
@click.pass_obj
def rm(folder: Path, name: str, answer: str, form: str) -> None:
    """Remove NAME for ever.

    Keys and sessions end, the name is free again. Asks first on a terminal.
    """
    with opened_store(folder) as store:
        found = any_account(store, name)
        if is_predefined(store, found):
            raise click.ClickException(
                f"{found.username} stands in the configuration: take the user out there "
                f"and reload, or `llmwrap user block {found.username}`"
            )
        if not answer and sys.stdin.isatty():
            click.confirm(f"Remove {found.username!r} for ever?", abort=True, err=True)
        with store.database.writing() as session:
            delete_user(session, found.id)
            _audit(session, action="user_deleted", resource_id=found.id)
        _show(store, found, form, f"{found.username} is removed")


@user.command()
@click.argument("name")
@click.option("--add", "added", type=GROUP, multiple=True, help="May be repeated.")
@click.option(
    "--remove", "removed", metavar="GROUP", multiple=True, help="May be repeated."
)
@json_option
@click.pass_obj
def groups(
    folder: Path,
    name: str,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    form: str,
) -> None:
    """Print or change the groups of NAME."""
    with opened_store(folder) as store:
        found = account(store, name)
        if added or removed:
            _change_groups(store, found, added, removed)
            found = account(store, found.id)
            _tell_if_idle(found.groups)
        _show(store, found, form, ", ".join(sorted(found.groups)))


def _change_groups(
    store: Store, found: UserRecord, added: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    if found.kind == "static":
        raise click.ClickException(
            f"the configuration says in which groups {found.username} is: change them "
            f"there and reload, or `llmwrap user block {found.username}`"
        )
    for group in removed:
        if group not in found.groups:
            raise click.ClickException(
                f"{found.username} is not in group {group!r}, "
                f"but in {', '.join(sorted(found.groups)) or 'none'}"
            )
    with store.database.writing() as session:
        for group in added:
            add_group(session, found.id, group)
        for group in removed:
            remove_group(session, found.id, group)
        detail = {"added": [*added], "removed": [*removed]}
        _audit(session, action="groups_changed", resource_id=found.id, detail=detail)


def _refuse_foreign_password(store: Store, found: UserRecord) -> None:
    """Only passwords that are kept here can be changed here."""
    if is_predefined(store, found):
        raise click.ClickException(
            f"the password of {found.username} stands in the configuration: have another "
            "`password_hash` there, as `llmwrap user hash-password` prints it, and reload"
        )
    if found.kind not in ("local", "service"):
        raise click.ClickException(
            f"{found.username} has no password here ({found.kind} user)"
        )


def _tell_if_idle(groups: Iterable[str]) -> None:
    if GENERATING_GROUPS.isdisjoint(groups):
        named = " or ".join(sorted(GENERATING_GROUPS))
        tell(f"who is not in group {named} may list models, but not use them")


def _show(store: Store, found: UserRecord, form: str, text: str) -> None:
    show(form, value_of(store, found), text)
