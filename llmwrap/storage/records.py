"""The tables of what happened: conversations, usage, the audit log.

`models` says what an id is. Times in usage are milliseconds; no prompt text stands there.
"""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from llmwrap.storage.models import (
    Base,
    ConversationRef,
    Count,
    Object,
    Objects,
    RowId,
    UserRef,
    partial_index,
)


class Conversation(Base):
    """A conversation; `next_seq` is the number of the item that comes next."""

    __tablename__ = "conversations"
    __table_args__ = (
        # Read from their end: the newest come first, by creation or by last change.
        partial_index(
            "ix_conversations_user_id_id",
            *("user_id", "id"),
            where="deleted_at IS NULL",
        ),
        partial_index(
            "ix_conversations_user_id_updated_at_id",
            *("user_id", "updated_at", "id"),
            where="deleted_at IS NULL",
        ),
    )

    id: Mapped[RowId]
    public_id: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[UserRef] = mapped_column(index=True)
    title: Mapped[str] = mapped_column(default="")
    metadata_: Mapped[Object] = mapped_column("metadata")
    referrer: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="active")
    item_count: Mapped[int] = mapped_column(default=0)
    next_seq: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)


class ConversationItem(Base):
    """One item of a conversation, in the order of `seq`."""

    __tablename__ = "conversation_items"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        Index("ix_conversation_items_conversation_id_id", "conversation_id", "id"),
        partial_index(
            "ix_conversation_items_call_id", "call_id", where="call_id IS NOT NULL"
        ),
    )

    id: Mapped[RowId]
    public_id: Mapped[str] = mapped_column(unique=True)
    conversation_id: Mapped[ConversationRef]
    seq: Mapped[int]
    type: Mapped[str]
    role: Mapped[str | None]
    content: Mapped[Objects]
    status: Mapped[str] = mapped_column(default="completed")
    model: Mapped[str | None]
    finish_reason: Mapped[str | None]
    call_id: Mapped[str | None]
    usage: Mapped[Object | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime]


class UsageRecord(Base):
    """What one request used."""

    __tablename__ = "usage_records"
    __table_args__ = (
        Index("ix_usage_records_user_id_ts", "user_id", "ts"),
        Index("ix_usage_records_model_ts", "model", "ts"),
    )

    id: Mapped[RowId]
    ts: Mapped[datetime] = mapped_column(index=True)
    request_id: Mapped[str]
    user_id: Mapped[str | None]
    api_key_id: Mapped[str | None]
    auth_method: Mapped[str]
    service: Mapped[str]
    endpoint: Mapped[str]
    model: Mapped[str]
    pool: Mapped[str | None]
    upstream: Mapped[str | None]
    stream: Mapped[bool]
    status_code: Mapped[int]
    error_code: Mapped[str | None]
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    total_tokens: Mapped[int | None]
    estimated: Mapped[bool] = mapped_column(default=False)
    queue_ms: Mapped[int | None]
    ttft_ms: Mapped[int | None]
    latency_ms: Mapped[int]
    client_ip: Mapped[str]
    conversation_id: Mapped[str | None]


class UsageDaily(Base):
    """The sums of a day; `user_id` "" is nobody."""

    __tablename__ = "usage_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[Count]
    errors: Mapped[Count]
    prompt_tokens: Mapped[Count]
    completion_tokens: Mapped[Count]


class AuditLog(Base):
    """Who did what to whom; rows are only ever added."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_actor_user_id_ts", "actor_user_id", "ts"),
        Index("ix_audit_log_action_ts", "action", "ts"),
    )

    id: Mapped[RowId]
    ts: Mapped[datetime] = mapped_column(index=True)
    actor_user_id: Mapped[str | None]
    actor_kind: Mapped[str]
    action: Mapped[str]
    resource_type: Mapped[str]
    resource_id: Mapped[str]
    outcome: Mapped[str]
    ip: Mapped[str]
    user_agent: Mapped[str]
    request_id: Mapped[str]
    detail: Mapped[Object | None]
