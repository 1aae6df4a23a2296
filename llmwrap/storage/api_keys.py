"""API keys: made, found by their hash, listed, revoked. The keys themselves are never here."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, joinedload

from llmwrap.storage.accounts import StoredUser, stored_user, user_key
from llmwrap.storage.columns import Moment, Words
from llmwrap.storage.models import ApiKey, User
from llmwrap.storage.statements import changed_rows

Scopes = Mapping[str, tuple[str, ...]]
"""What a key is good for: `services` and `models`, each a list of names or patterns."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key; `scopes` None is everything, `rate_limit` "" that of its user."""

    id: str
    user_id: str
    name: str
    prefix: str
    suffix: str
    scopes: Scopes | None
    rate_limit: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


def add_key(  # noqa: PLR0913 - the columns of a row, by name
    session: Session,
    *,
    user_id: str,
    name: str,
    key_hash: str,
    prefix: str,
    suffix: str,
    scopes: Scopes | None,
    expires_at: datetime | None,
    rate_limit: str = "",
) -> StoredKey:
    """Add a key under a fresh id. Raises UnknownUser."""
    key_id = str(uuid.uuid4())
    row = insert(ApiKey).values(
        id=key_id,
        user_id=user_key(session, user_id),
        name=name,
        prefix=prefix,
        suffix=suffix,
        key_hash=key_hash,
        scopes=None if scopes is None else {key: [*scopes[key]] for key in scopes},
        rate_limit=rate_limit or None,
        expires_at=expires_at,
        created_at=datetime.now(UTC),
    )
    session.execute(row)
    (key,) = _stored(session, _keys().where(ApiKey.id == key_id))
    return key


def key_by_hash(session: Session, key_hash: str) -> tuple[StoredKey, StoredUser] | None:
    """Find a key and its user; a key that is revoked or expired too.

    The keys of a deleted user are not found.
    """
    found = (
        select(ApiKey, User)
        .join(User, User.id == ApiKey.user_id)
        .where(ApiKey.key_hash == key_hash, User.deleted_at.is_(None))
        .options(joinedload(User.groups))
        .execution_options(populate_existing=True)
    )
    row = session.execute(found).unique().first()
    if row is None:
        return None
    key, user = row
    return _stored_key(key, user.public_id), stored_user(user)


def keys_of(
    session: Session, user_id: str, *, limit: int, after: str = ""
) -> list[StoredKey]:
    """A page of the keys of one user, oldest first; `after` is the last id before it."""
    return _page(session, _keys().where(User.public_id == user_id), limit, after)


def list_keys(session: Session, *, limit: int, after: str = "") -> list[StoredKey]:
    """A page of the keys of all users, oldest first."""
    return _page(session, _keys(), limit, after)


def key_by_id(session: Session, id: str) -> StoredKey | None:
    """Find a key by its id."""
    return next(iter(_stored(session, _keys().where(ApiKey.id == id))), None)


def revoke_key(
    session: Session, id: str, *, user_id: str | None, now: datetime
) -> bool:
    """End a key, of this user alone where one is given.

    Return False for a key that is not there, of somebody else, or revoked already.
    """
    revoked = update(ApiKey).where(ApiKey.id == id, ApiKey.revoked_at.is_(None))
    if user_id is not None:
        owner = select(User.id).where(User.public_id == user_id).scalar_subquery()
        revoked = revoked.where(ApiKey.user_id == owner)
    return changed_rows(session, revoked.values(revoked_at=now)) == 1


def count_active_keys(session: Session, user_id: str, now: datetime) -> int:
    """Count the keys of a user that are good now.

    The user's row is held until the transaction ends: nobody else counts, then adds.
    """
    user = select(User.id).where(User.public_id == user_id)
    key = session.scalar(user.with_for_update(key_share=True))
    active = (
        select(func.count())
        .select_from(ApiKey)
        .where(ApiKey.user_id == key, ApiKey.revoked_at.is_(None), _unexpired(now))
    )
    return session.scalars(active).one()


def touch_keys(session: Session, used: Mapping[str, datetime]) -> None:
    """Note when keys were used last; ids that are gone are no error."""
    if not used:
        return
    older = or_(
        ApiKey.last_used_at.is_(None), ApiKey.last_used_at < bindparam("used_at")
    )
    touched = (
        update(ApiKey)
        .where(ApiKey.id == bindparam("key"), older)
        .values(last_used_at=bindparam("used_at"))
    )
    # In one order everywhere: two who touch the same keys must not wait for each other.
    rows = [{"key": key, "used_at": at} for key, at in sorted(used.items())]
    session.connection().execute(touched, rows)


def revoked_keys_since(session: Session, since: datetime) -> set[str]:
    """The ids of the keys that were revoked at that time or later."""
    return set(session.scalars(select(ApiKey.id).where(ApiKey.revoked_at >= since)))


def _unexpired(now: datetime) -> ColumnElement[bool]:
    return or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now)


def _keys() -> Select[ApiKey, str]:
    return (
        select(ApiKey, User.public_id)
        .join(User, User.id == ApiKey.user_id)
        .execution_options(populate_existing=True)
    )


def _page(
    session: Session, keys: Select[ApiKey, str], limit: int, after: str
) -> list[StoredKey]:
    place = tuple_(ApiKey.created_at, ApiKey.id)
    if after:
        # Among these keys only: the place of any other tells that it is there, and when.
        cursor = keys.where(ApiKey.id == after).with_only_columns(ApiKey.created_at)
        last = session.scalar(cursor)
        keys = keys.where(place > tuple_(last, after, types=[Moment(), Words()]))
    return _stored(session, keys.order_by(*place).limit(limit))


def _stored(session: Session, keys: Select[ApiKey, str]) -> list[StoredKey]:
    return [_stored_key(row, user_id) for row, user_id in session.execute(keys)]


def _stored_key(row: ApiKey, user_id: str) -> StoredKey:
    scopes = row.scopes
    return StoredKey(
        id=row.id,
        user_id=user_id,
        name=row.name,
        prefix=row.prefix,
        suffix=row.suffix,
        scopes=None if scopes is None else {key: (*scopes[key],) for key in scopes},
        rate_limit=row.rate_limit or "",
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
    )
