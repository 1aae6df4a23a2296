"""Everything: accounts, keys, tokens, conversations, usage, audit; three groups."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from llmwrap.storage.columns import ROW_ID, Json, Moment, Words

revision = "r0001"
down_revision = None

TEXT = Words()
TIME = Moment()
JSON = Json()
INT = sa.Integer()
COUNT = sa.BigInteger()
BOOL = sa.Boolean()


def upgrade() -> None:
    """Make the tables and the groups that have a meaning."""
    _make_users()
    _make_groups()
    _make_api_keys()
    _make_tokens()
    _make_conversations()
    _make_usage()
    _make_audit_log()


def _column(name: str, kind: Any, *more: Any) -> sa.Column[Any]:
    """A column; a name that ends in "?" may be NULL."""
    return sa.Column(name.removesuffix("?"), kind, *more, nullable=name.endswith("?"))


def _id() -> sa.Column[Any]:
    return sa.Column("id", ROW_ID, sa.Identity(), primary_key=True)


def _reference(name: str, target: str) -> sa.Column[Any]:
    return _column(name, ROW_ID, sa.ForeignKey(f"{target}.id", ondelete="CASCADE"))


def _index(table: str, *columns: str, where: str = "", unique: bool = False) -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        f"{'uq' if unique else 'ix'}_{table}_{'_'.join(columns)}",
        table,
        list(columns),
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _make_users() -> None:
    op.create_table(
        "users",
        _id(),
        _column("public_id", TEXT),
        _column("email?", TEXT),
        _column("email_folded?", TEXT),
        _column("username", TEXT),
        _column("username_folded", TEXT),
        _column("name", TEXT),
        _column("password_hash?", TEXT),
        _column("kind", TEXT),
        _column("is_guest", BOOL),
        _column("status", TEXT),
        _column("issuer?", TEXT),
        _column("subject?", TEXT),
        _column("token_version", INT),
        _column("created_at", TIME),
        _column("updated_at", TIME),
        _column("last_active_at?", TIME),
        _column("upgraded_at?", TIME),
        _column("deleted_at?", TIME),
        sa.UniqueConstraint("public_id"),
    )
    living = "deleted_at IS NULL"
    _index("users", "username_folded", where=living, unique=True)
    has_email = f"email_folded IS NOT NULL AND {living}"
    _index("users", "email_folded", where=has_email, unique=True)
    has_issuer = f"issuer IS NOT NULL AND {living}"
    _index("users", "issuer", "subject", where=has_issuer, unique=True)
    ended = "status <> 'active' OR token_version > 0"
    _index("users", "updated_at", where=ended)
    _index("users", "is_guest", "last_active_at")


def _make_groups() -> None:
    groups = op.create_table(
        "groups",
        _id(),
        _column("name", TEXT),
        _column("can_chat", BOOL),
        _column("is_blocked", BOOL),
        _column("rate_limit?", TEXT),
        _column("created_at", TIME),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "user_groups",
        _reference("user_id", "users"),
        _reference("group_id", "groups"),
        sa.PrimaryKeyConstraint("user_id", "group_id"),
    )
    _index("user_groups", "group_id")
    op.create_table(
        "group_models",
        _reference("group_id", "groups"),
        _column("pattern", TEXT),
        sa.PrimaryKeyConstraint("group_id", "pattern"),
    )
    now = datetime.now(UTC)
    seeds = (("admin", True, False), ("user", True, False), ("blocked", False, True))
    op.bulk_insert(
        groups,
        [
            {"name": name, "can_chat": chat, "is_blocked": blocked, "created_at": now}
            for name, chat, blocked in seeds
        ],
    )


def _make_api_keys() -> None:
    op.create_table(
        "api_keys",
        _column("id", TEXT),
        _reference("user_id", "users"),
        _column("name", TEXT),
        _column("prefix", TEXT),
        _column("suffix", TEXT),
        _column("key_hash", TEXT),
        _column("scopes?", JSON),
        _column("rate_limit?", TEXT),
        _column("expires_at?", TIME),
        _column("revoked_at?", TIME),
        _column("last_used_at?", TIME),
        _column("created_at", TIME),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash"),
    )
    _index("api_keys", "user_id", "revoked_at")
    _index("api_keys", "revoked_at")


def _make_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        _id(),
        _column("family_id", TEXT),
        _reference("user_id", "users"),
        _column("token_hash", TEXT),
        _column("issued_at", TIME),
        _column("expires_at", TIME),
        _column("used_at?", TIME),
        _column("replaced_by?", TEXT),
        _column("revoked_at?", TIME),
        _column("ip", TEXT),
        _column("user_agent", TEXT),
        sa.UniqueConstraint("token_hash"),
    )
    for column in ("family_id", "user_id", "expires_at"):
        _index("refresh_tokens", column)
    op.create_table(
        "revoked_tokens",
        _column("jti", TEXT),
        _column("user_id", TEXT),
        _column("expires_at", TIME),
        sa.PrimaryKeyConstraint("jti"),
    )
    _index("revoked_tokens", "expires_at")


def _make_conversations() -> None:
    op.create_table(
        "conversations",
        _id(),
        _column("public_id", TEXT),
        _reference("user_id", "users"),
        _column("title", TEXT),
        _column("metadata", JSON),
        _column("referrer", TEXT),
        _column("status", TEXT),
        _column("item_count", INT),
        _column("next_seq", INT),
        _column("created_at", TIME),
        _column("updated_at", TIME),
        _column("deleted_at?", TIME),
        sa.UniqueConstraint("public_id"),
    )
    _index("conversations", "user_id")
    _index("conversations", "deleted_at")
    for columns in (("user_id", "id"), ("user_id", "updated_at", "id")):
        _index("conversations", *columns, where="deleted_at IS NULL")
    _make_conversation_items()


def _make_conversation_items() -> None:
    op.create_table(
        "conversation_items",
        _id(),
        _column("public_id", TEXT),
        _reference("conversation_id", "conversations"),
        _column("seq", INT),
        _column("type", TEXT),
        _column("role?", TEXT),
        _column("content", JSON),
        _column("status", TEXT),
        _column("model?", TEXT),
        _column("finish_reason?", TEXT),
        _column("call_id?", TEXT),
        _column("usage?", JSON),
        _column("request_id?", TEXT),
        _column("created_at", TIME),
        sa.UniqueConstraint("public_id"),
        sa.UniqueConstraint("conversation_id", "seq"),
    )
    _index("conversation_items", "conversation_id", "id")
    _index("conversation_items", "call_id", where="call_id IS NOT NULL")


def _make_usage() -> None:
    texts = "request_id user_id? api_key_id? auth_method service endpoint model pool?"
    texts_after = "client_ip conversation_id?"
    numbers = "prompt_tokens? completion_tokens? total_tokens?"
    op.create_table(
        "usage_records",
        _id(),
        _column("ts", TIME),
        *(_column(name, TEXT) for name in (*texts.split(), "upstream?")),
        _column("stream", BOOL),
        _column("status_code", INT),
        _column("error_code?", TEXT),
        *(_column(name, INT) for name in numbers.split()),
        _column("estimated", BOOL),
        *(_column(name, INT) for name in ("queue_ms?", "ttft_ms?", "latency_ms")),
        *(_column(name, TEXT) for name in texts_after.split()),
    )
    for columns in (("ts",), ("user_id", "ts"), ("model", "ts")):
        _index("usage_records", *columns)
    op.create_table(
        "usage_daily",
        _column("day", sa.Date()),
        *(_column(name, TEXT) for name in ("user_id", "service", "model")),
        *(_column(name, COUNT) for name in ("requests", "errors")),
        *(_column(name, COUNT) for name in ("prompt_tokens", "completion_tokens")),
        sa.PrimaryKeyConstraint("day", "user_id", "service", "model"),
    )


def _make_audit_log() -> None:
    op.create_table(
        "audit_log",
        _id(),
        _column("ts", TIME),
        _column("actor_user_id?", TEXT),
        _column("actor_kind", TEXT),
        _column("action", TEXT),
        _column("resource_type", TEXT),
        _column("resource_id", TEXT),
        _column("outcome", TEXT),
        _column("ip", TEXT),
        _column("user_agent", TEXT),
        _column("request_id", TEXT),
        _column("detail?", JSON),
    )
    for columns in (("ts",), ("actor_user_id", "ts"), ("action", "ts")):
        _index("audit_log", *columns)
