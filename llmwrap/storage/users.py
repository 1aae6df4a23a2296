"""Accounts: made, found, changed, deleted.

A deleted account is found by nothing here; its row and its id stay.
What changes an account raises UnknownUser when there is none with the id.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import delete, exists, insert, or_, select, text, union, update
from sqlalchemy.orm import Session

# Those with "as" are for callers, who find everything about accounts here.
from llmwrap.storage.accounts import StoredUser as StoredUser
from llmwrap.storage.accounts import UnknownUser as UnknownUser
from llmwrap.storage.accounts import UserKind as UserKind
from llmwrap.storage.accounts import UserStatus as UserStatus
from llmwrap.storage.accounts import accounts, change, first, required, stored_user
from llmwrap.storage.columns import EPOCH
from llmwrap.storage.groups import group_patterns as group_patterns
from llmwrap.storage.groups import put_into_groups, take_out_of_groups
from llmwrap.storage.groups import set_group_patterns as set_group_patterns
from llmwrap.storage.models import ENDED, ApiKey, Group, RefreshToken, User, UserGroup
from llmwrap.storage.names import (
    ID_PREFIX,
    claiming_names,
    free_claimed_email,
    name_columns,
    named,
)
from llmwrap.storage.names import NameTaken as NameTaken
from llmwrap.storage.statements import changed_rows

MAX_STATES = 100_000
MAX_PURGED = 1000


@dataclass(frozen=True, slots=True)
class AccountState:
    """What may end the use of a credential that was good."""

    groups: frozenset[str]
    status: UserStatus
    token_version: int


def add_user(  # noqa: PLR0913 - the columns of a row, by name
    session: Session,
    *,
    username: str,
    email: str = "",
    name: str = "",
    password_hash: str = "",
    kind: UserKind = "local",
    groups: Iterable[str] = (),
    issuer: str = "",
    subject: str = "",
    is_guest: bool = False,
    id: str = "",
) -> StoredUser:
    """Add an account, with a fresh id unless one is given; groups are made as needed.

    Raises NameTaken when the username, the email, the subject or the id is in use. An
    upgraded guest, whose email nobody has checked, has to give it up.
    """
    public_id = id or f"{ID_PREFIX}{secrets.token_hex(12)}"
    now = datetime.now(UTC)
    row = insert(User).values(
        public_id=public_id,
        **name_columns(username, email),
        name=name,
        password_hash=password_hash or None,
        kind=kind,
        is_guest=is_guest,
        issuer=issuer or None,
        subject=subject or None,
        created_at=now,
        updated_at=now,
        last_active_at=now,
    )
    if email:
        free_claimed_email(session, email)
    with claiming_names(session, username, email):
        user = session.execute(row.returning(User.id)).scalar_one()
    put_into_groups(session, user, groups)
    return required(session, public_id)


def user_by_id(session: Session, id: str) -> StoredUser | None:
    """Find an account by its public id."""
    return first(session, accounts(User.public_id == id))


def user_by_username(session: Session, username: str) -> StoredUser | None:
    """Find an account by its exact username, as HTTP Basic does."""
    same_folded = User.username_folded == username.casefold()
    return first(session, accounts(same_folded, User.username == username))


def user_by_sign_in_name(session: Session, name: str) -> StoredUser | None:
    """Find an account by username or email, without regard to case."""
    return first(session, accounts(User.id.in_(named(name))))


def user_by_subject(session: Session, issuer: str, subject: str) -> StoredUser | None:
    """Find the account of somebody whom an identity provider knows."""
    return first(session, accounts(User.issuer == issuer, User.subject == subject))


def list_users(session: Session, *, limit: int, after: str = "") -> list[StoredUser]:
    """A page of the accounts, oldest first; `after` is the last id of the page before."""
    page = accounts().order_by(User.id).limit(limit)
    if after:
        cursor = select(User.id).where(User.public_id == after).scalar_subquery()
        page = page.where(User.id > cursor)
    return [stored_user(row) for row in session.scalars(page).unique()]


def set_password(session: Session, id: str, password_hash: str) -> None:
    """Change a password; `token_version` rises, which ends the sessions before."""
    raised = User.token_version + 1
    change(session, id, password_hash=password_hash or None, token_version=raised)


def replace_password(
    session: Session, id: str, password_hash: str, *, checked_hash: str
) -> None:
    """As `set_password`, for who has given the password of `checked_hash`, "" being none.

    Raises UnknownUser too when that is the password no more.
    """
    raised = User.token_version + 1
    still = User.password_hash == (checked_hash or None)  # IS NULL for None
    change(session, id, still, password_hash=password_hash, token_version=raised)


def set_groups(session: Session, id: str, groups: Iterable[str]) -> None:
    """Make an account a member of exactly these groups, made as needed."""
    user = change(session, id)
    session.execute(delete(UserGroup).where(UserGroup.user_id == user))
    put_into_groups(session, user, groups)


def add_group(session: Session, id: str, name: str) -> None:
    """Make an account a member of one more group, made as needed."""
    put_into_groups(session, change(session, id), [name])


def remove_group(session: Session, id: str, name: str) -> None:
    """End the membership of an account in one group, if it is in it."""
    take_out_of_groups(session, change(session, id), [name])


def set_status(session: Session, id: str, status: UserStatus) -> None:
    """Switch an account off or on again."""
    change(session, id, status=status)


def upgrade_guest(
    session: Session, id: str, *, username: str, email: str, name: str
) -> StoredUser:
    """Make a guest a local user with the same id and all that is theirs.

    Raises NameTaken, or UnknownUser for an account that is no guest (any more).
    """
    with claiming_names(session, username, email, own=id):
        change(
            session,
            id,
            User.is_guest.is_(True),
            **name_columns(username, email),
            name=name,
            kind="local",
            is_guest=False,
            upgraded_at=datetime.now(UTC),
        )
    return required(session, id)


def delete_user(session: Session, id: str) -> None:
    """Delete an account: it is found no more, its names are free, its credentials dead."""
    now = datetime.now(UTC)
    user = change(
        session,
        id,
        deleted_at=now,
        status="disabled",
        password_hash=None,
        token_version=User.token_version + 1,
    )
    for table in (ApiKey, RefreshToken):
        session.execute(
            update(table)
            .where(table.user_id == user, table.revoked_at.is_(None))
            .values(revoked_at=now)
        )


def touch_user(session: Session, id: str, now: datetime) -> None:
    """Note that an account was used; one that is gone is no error."""
    session.execute(
        update(User)
        .where(User.public_id == id, User.last_active_at < now)
        .values(last_active_at=now)
    )


def purge_guests(session: Session, inactive_since: datetime) -> int:
    """Remove guests that were not used since then, with all that is theirs.

    At most 1000 at a time, so that nobody waits for it long: call again until it is 0.
    """
    used = exists().where(
        ApiKey.user_id == User.id, ApiKey.last_used_at >= inactive_since
    )
    idle = (
        select(User.id)
        .where(User.is_guest, User.last_active_at < inactive_since, ~used)
        .limit(MAX_PURGED)
    )
    return changed_rows(session, delete(User).where(User.id.in_(idle)))


def account_states(
    session: Session, since: datetime = EPOCH
) -> dict[str, AccountState]:
    """By id: accounts that are blocked, disabled or deleted, or changed their password.

    What a worker must know although it has seen a good credential: the last 100 000 that
    changed, where a predefined user counts whenever that was, and others from `since` on.
    """
    blocking = select(Group.id).where(Group.is_blocked)
    blocked = select(UserGroup.user_id).where(UserGroup.group_id.in_(blocking))
    ended = select(User.id).where(text(ENDED))
    told = (
        select(User.id)
        .where(
            User.id.in_(union(blocked, ended)),
            or_(User.kind == "static", User.updated_at >= since),
        )
        .order_by(User.updated_at.desc())
        .limit(MAX_STATES)
        .subquery()
    )
    rows = session.execute(
        select(User.public_id, User.status, User.token_version, Group.name)
        .join(told, told.c.id == User.id)
        .outerjoin(UserGroup, UserGroup.user_id == User.id)
        .outerjoin(Group, Group.id == UserGroup.group_id)
    )
    states: dict[str, AccountState] = {}
    for user, status, version, group in rows:
        state = AccountState(frozenset(), cast(UserStatus, status), version)
        state = states.get(user, state)
        groups = state.groups | {group} if group else state.groups
        states[user] = replace(state, groups=groups)
    return states
