"""The tables of accounts, and what all tables are made of; `records` has the others.

The same for SQLite and PostgreSQL. A public id is a random string, a primary key a number;
secrets are stored as hashes only.
`user_id` is a reference where the row belongs to the account, and the public id where the
row must outlive it or the account may have no row (`usage_*`, `revoked_tokens`, `audit_log`).
A change here needs a migration below `migrations/versions/`.
"""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from llmwrap.storage.columns import ROW_ID, Json, Moment, Words

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""How constraints are called, so that a later migration can name them."""

RowId = Annotated[int, mapped_column(ROW_ID, Identity(), primary_key=True)]
Object = Annotated[dict[str, Any], mapped_column(Json())]
Objects = Annotated[list[dict[str, Any]], mapped_column(Json())]
Count = Annotated[int, mapped_column(BigInteger, default=0)]


def _reference(column: str) -> Any:
    return mapped_column(ROW_ID, ForeignKey(column, ondelete="CASCADE"))


UserRef = Annotated[int, _reference("users.id")]
GroupRef = Annotated[int, _reference("groups.id")]
ConversationRef = Annotated[int, _reference("conversations.id")]


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows of which `where` is true."""
    condition = text(where)
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


ENDED = "status <> 'active' OR token_version > 0"
"""What is true of accounts whose credentials may have ended; a text, because a partial index
serves those alone who ask in its words."""


class Base(DeclarativeBase):
    """The parent of every table."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {str: Words(), datetime: Moment()}  # noqa: RUF012 - SQLAlchemy's


class User(Base):
    """An account. A deleted one keeps its row, disabled; its names are free again.

    The folded columns are what a name is compared by, the same on both engines.
    """

    __tablename__ = "users"
    __table_args__ = (
        partial_index(
            "uq_users_username_folded",
            "username_folded",
            where="deleted_at IS NULL",
            unique=True,
        ),
        partial_index(
            "uq_users_email_folded",
            "email_folded",
            where="email_folded IS NOT NULL AND deleted_at IS NULL",
            unique=True,
        ),
        partial_index(
            "uq_users_issuer_subject",
            "issuer",
            "subject",
            where="issuer IS NOT NULL AND deleted_at IS NULL",
            unique=True,
        ),
        partial_index("ix_users_updated_at", "updated_at", where=ENDED),
        Index("ix_users_is_guest_last_active_at", "is_guest", "last_active_at"),
    )

    id: Mapped[RowId]
    public_id: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None]
    email_folded: Mapped[str | None]
    username: Mapped[str]
    username_folded: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    kind: Mapped[str]
    is_guest: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(default="active")
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    token_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_active_at: Mapped[datetime | None]
    upgraded_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    groups: Mapped[list["Group"]] = relationship(
        secondary="user_groups", lazy="raise", viewonly=True
    )


class Group(Base):
    """A group; `admin`, `user` and `blocked` come with the first migration."""

    __tablename__ = "groups"

    id: Mapped[RowId]
    name: Mapped[str] = mapped_column(unique=True)
    can_chat: Mapped[bool] = mapped_column(default=False)
    is_blocked: Mapped[bool] = mapped_column(default=False)
    rate_limit: Mapped[str | None]
    created_at: Mapped[datetime]


class UserGroup(Base):
    """A membership."""

    __tablename__ = "user_groups"

    user_id: Mapped[UserRef] = mapped_column(primary_key=True)
    group_id: Mapped[GroupRef] = mapped_column(primary_key=True, index=True)


class GroupModel(Base):
    """A pattern of models that a group may use; a group without any may use all."""

    __tablename__ = "group_models"

    group_id: Mapped[GroupRef] = mapped_column(primary_key=True)
    pattern: Mapped[str] = mapped_column(primary_key=True)


class ApiKey(Base):
    """An API key; `id` is a UUID, `rate_limit` replaces that of its user."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_user_id_revoked_at", "user_id", "revoked_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UserRef]
    name: Mapped[str]
    prefix: Mapped[str]
    suffix: Mapped[str]
    key_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[Object | None]
    rate_limit: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class RefreshToken(Base):
    """One link of a family of refresh tokens, each good for one use."""

    __tablename__ = "refresh_tokens"

    id: Mapped[RowId]
    family_id: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[UserRef] = mapped_column(index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    replaced_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    ip: Mapped[str] = mapped_column(default="")
    user_agent: Mapped[str] = mapped_column(default="")


class RevokedToken(Base):
    """An access token that is refused before its end."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
