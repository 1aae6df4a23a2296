"""An account as a value, and the statements about accounts that several files share.

What callers do with accounts is in `users`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session, joinedload

from llmwrap.storage.models import User

UserKind = Literal["local", "static", "oidc", "guest", "service"]
UserStatus = Literal["active", "disabled"]


class UnknownUser(Exception):
    """There is no account with this id, or no longer."""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """An account; `id` is the public one (`usr_...`), "" stands for none.

    `email_claimed`: nobody but the user says that it is theirs.
    """

    id: str
    username: str
    email: str
    name: str
    password_hash: str = field(repr=False)
    kind: UserKind
    is_guest: bool
    status: UserStatus
    groups: frozenset[str]
    token_version: int
    issuer: str
    subject: str
    created_at: datetime
    email_claimed: bool = False


def change(
    session: Session, id: str, *criteria: ColumnElement[bool], **values: Any
) -> int:
    """Change columns of one account and return its primary key.

    Its row is held until the transaction ends. Raises UnknownUser.
    """
    user: int | None = session.scalar(
        update(User)
        .where(User.public_id == id, User.deleted_at.is_(None), *criteria)
        .values(updated_at=datetime.now(UTC), **values)
        .returning(User.id)
    )
    if user is None:
        raise UnknownUser(f"no such account: {id}")
    return user


def user_key(session: Session, id: str) -> int:
    """The primary key of an account, for what belongs to it. Raises UnknownUser."""
    user: int | None = session.scalar(
        select(User.id).where(User.public_id == id, User.deleted_at.is_(None))
    )
    if user is None:
        raise UnknownUser(f"no such account: {id}")
    return user


def stored_user(row: User) -> StoredUser:
    """The value of a row that was read with its groups."""
    return StoredUser(
        id=row.public_id,
        username=row.username,
        email=row.email or "",
        name=row.name,
        password_hash=row.password_hash or "",
        kind=cast(UserKind, row.kind),
        is_guest=row.is_guest,
        status=cast(UserStatus, row.status),
        groups=frozenset(group.name for group in row.groups),
        token_version=row.token_version,
        issuer=row.issuer or "",
        subject=row.subject or "",
        created_at=row.created_at,
        email_claimed=row.email is not None and row.upgraded_at is not None,
    )


def accounts(*criteria: ColumnElement[bool]) -> Select[User]:
    """Select living accounts with their groups."""
    return (
        select(User)
        .where(User.deleted_at.is_(None), *criteria)
        .options(joinedload(User.groups))
        # A session that has just changed groups must not see the former ones.
        .execution_options(populate_existing=True)
    )


def first(session: Session, found: Select[User]) -> StoredUser | None:
    """The first account of a selection."""
    row = session.scalars(found).unique().first()
    return stored_user(row) if row else None


def required(session: Session, id: str) -> StoredUser:
    """An account that must be there. Raises UnknownUser."""
    user = first(session, accounts(User.public_id == id))
    if user is None:
        raise UnknownUser(f"no such account: {id}")
    return user
