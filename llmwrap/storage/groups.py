"""Groups: who is in them, and which models they may use. Accounts are in `users`."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from llmwrap.storage.models import Group, GroupModel, UserGroup
from llmwrap.storage.statements import insert_missing


def group_patterns(session: Session) -> dict[str, tuple[str, ...]]:
    """The patterns of the models that a group may use, by its name.

    A group that is not there may use every model.
    """
    rows = session.execute(
        select(Group.name, GroupModel.pattern)
        .join(GroupModel, GroupModel.group_id == Group.id)
        .order_by(Group.name, GroupModel.pattern)
    )
    patterns: dict[str, tuple[str, ...]] = {}
    for name, pattern in rows:
        patterns[name] = (*patterns.get(name, ()), pattern)
    return patterns


def set_group_patterns(session: Session, group: str, patterns: Iterable[str]) -> None:
    """Let a group, made if it is new, use the models of these patterns alone.

    No pattern lets it use every model.
    """
    (key,) = group_keys(session, [group])
    session.execute(delete(GroupModel).where(GroupModel.group_id == key))
    rows = [{"group_id": key, "pattern": pattern} for pattern in patterns]
    insert_missing(session, GroupModel, rows)


def group_keys(session: Session, names: Iterable[str]) -> list[int]:
    """The primary keys of these groups; the ones that are not there are made."""
    # In one order everywhere: two who make the same groups must not wait for each other.
    wanted, now = sorted(set(names)), datetime.now(UTC)
    found = select(Group.id).where(Group.name.in_(wanted))
    keys = session.scalars(found).all()
    if len(keys) < len(wanted):
        rows = [{"name": name, "created_at": now} for name in wanted]
        insert_missing(session, Group, rows)
        keys = session.scalars(found).all()
    return list(keys)


def put_into_groups(session: Session, user: int, names: Iterable[str]) -> None:
    """Make the user of this primary key a member, beside the groups it is in."""
    keys = group_keys(session, names)
    rows = [{"user_id": user, "group_id": key} for key in keys]
    insert_missing(session, UserGroup, rows)


def take_out_of_groups(session: Session, user: int, names: Iterable[str]) -> None:
    """End the memberships of the user of this primary key."""
    groups = select(Group.id).where(Group.name.in_(list(names)))
    session.execute(
        delete(UserGroup).where(
            UserGroup.user_id == user, UserGroup.group_id.in_(groups)
        )
    )
