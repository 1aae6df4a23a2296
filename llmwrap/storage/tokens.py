"""Refresh tokens, each good for one use, and access tokens revoked before their end.

A token is known by its hash (refresh) or its `jti` (access), never by itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from llmwrap.storage.accounts import StoredUser, accounts, first, user_key
from llmwrap.storage.models import RefreshToken, RevokedToken, User
from llmwrap.storage.statements import changed_rows, insert_missing

RefreshOutcome = Literal["ok", "unknown", "expired", "reused", "revoked"]


@dataclass(frozen=True, slots=True)
class RefreshUse:
    """What became of a refresh token that was presented; `user` None if there is none."""

    outcome: RefreshOutcome
    user: StoredUser | None = None
    family_id: str = ""


def add_refresh_token(  # noqa: PLR0913 - the columns of a row, by name
    session: Session,
    *,
    token_hash: str,
    family_id: str,
    user_id: str,
    issued_at: datetime,
    expires_at: datetime,
    ip: str = "",
    user_agent: str = "",
) -> None:
    """Add a token to a family (a fresh one at sign-in). Raises UnknownUser."""
    row = insert(RefreshToken).values(
        token_hash=token_hash,
        family_id=family_id,
        user_id=user_key(session, user_id),
        issued_at=issued_at,
        expires_at=expires_at,
        ip=ip,
        user_agent=user_agent,
    )
    session.execute(row)


def use_refresh_token(
    session: Session, token_hash: str, *, now: datetime, replaced_by: str
) -> RefreshUse:
    """Use a token up; `replaced_by` is the hash of the one that the caller adds.

    Of two uses at the same moment one is `ok`. A second use revokes the whole family:
    add the successor in this transaction, and let it end well before refusing, or the
    revocation is undone.
    """
    this = RefreshToken.token_hash == token_hash
    use = (
        update(RefreshToken)
        .where(this, *_good(now))
        .values(used_at=now, replaced_by=replaced_by)
    )
    good = changed_rows(session, use) == 1
    fresh = select(RefreshToken).where(this).execution_options(populate_existing=True)
    token = session.scalar(fresh)
    if token is None:
        return RefreshUse("unknown")
    outcome = "ok" if good else _refused(token)
    if outcome == "reused":
        _revoke(session, RefreshToken.family_id == token.family_id, now)
    user = first(session, accounts(User.id == token.user_id))
    return RefreshUse(outcome, user, token.family_id)


def revoke_family(session: Session, token_hash: str, now: datetime) -> bool:
    """Revoke a token and all that came before and after it.

    Return False for a token that is not there, or of a family that is revoked already.
    """
    family = select(RefreshToken.family_id).where(RefreshToken.token_hash == token_hash)
    return _revoke(session, RefreshToken.family_id.in_(family), now) > 0


def end_family(session: Session, family_id: str, now: datetime) -> None:
    """Revoke every refresh token of a sign-in; a family that is not there is no error."""
    _revoke(session, RefreshToken.family_id == family_id, now)


def revoke_refresh_tokens_of(session: Session, user_id: str, now: datetime) -> None:
    """Revoke every refresh token of a user."""
    user = select(User.id).where(User.public_id == user_id)
    _revoke(session, RefreshToken.user_id.in_(user), now)


def revoke_token(
    session: Session, jti: str, *, user_id: str, expires_at: datetime
) -> None:
    """Have an access token refused until its end; once more is no error."""
    row = {"jti": jti, "user_id": user_id, "expires_at": expires_at}
    insert_missing(session, RevokedToken, [row])


def revoked_tokens(session: Session, now: datetime) -> set[str]:
    """The `jti` of every revoked access token that would still be good."""
    living = RevokedToken.expires_at > now
    return set(session.scalars(select(RevokedToken.jti).where(living)))


def purge_tokens(session: Session, now: datetime) -> int:
    """Remove tokens of both kinds that have come to their end; return how many."""
    return sum(
        changed_rows(session, delete(table).where(table.expires_at <= now))
        for table in (RefreshToken, RevokedToken)
    )


def _good(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        RefreshToken.used_at.is_(None),
        RefreshToken.revoked_at.is_(None),
        RefreshToken.expires_at > now,
    )


def _refused(token: RefreshToken) -> RefreshOutcome:
    if token.revoked_at:
        return "revoked"
    return "reused" if token.used_at else "expired"


def _revoke(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    living = update(RefreshToken).where(which, RefreshToken.revoked_at.is_(None))
    revoked = living.values(revoked_at=now)
    # PostgreSQL: the first waits for a use that is under way, the second sees its successor.
    return changed_rows(session, revoked) + changed_rows(session, revoked)
