"""The audit log: who did what to whom. Entries are added and read, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from llmwrap.storage.records import AuditLog


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; `actor_id` is a public id or "", `detail` whatever the action has."""

    id: int
    ts: datetime
    action: str
    outcome: str
    actor_id: str
    actor_kind: str
    resource_type: str
    resource_id: str
    ip: str
    user_agent: str
    request_id: str
    detail: Mapping[str, Any] | None


def record(  # noqa: PLR0913 - the columns of a row, by name
    session: Session,
    *,
    action: str,
    outcome: str = "ok",
    actor_id: str = "",
    actor_kind: str = "",
    resource_type: str = "",
    resource_id: str = "",
    ip: str = "",
    user_agent: str = "",
    request_id: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry; it is kept together with what else the session does, or not at all."""
    row = insert(AuditLog).values(
        ts=datetime.now(UTC),
        actor_user_id=actor_id or None,
        actor_kind=actor_kind,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        outcome=outcome,
        ip=ip,
        user_agent=user_agent,
        request_id=request_id,
        detail=detail,
    )
    session.execute(row)


def entries(
    session: Session, *, limit: int, before_id: int | None = None, action: str = ""
) -> list[AuditEntry]:
    """A page of the log, newest first; `before_id` is the last id of the page before."""
    page = select(AuditLog).order_by(AuditLog.id.desc()).limit(limit)
    if before_id is not None:
        page = page.where(AuditLog.id < before_id)
    if action:
        page = page.where(AuditLog.action == action)
    return [_entry(row) for row in session.scalars(page)]


def _entry(row: AuditLog) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        ts=row.ts,
        action=row.action,
        outcome=row.outcome,
        actor_id=row.actor_user_id or "",
        actor_kind=row.actor_kind,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        ip=row.ip,
        user_agent=row.user_agent,
        request_id=row.request_id,
        detail=row.detail,
    )
