"""Rows for the predefined users of the configuration, whose keys and conversations need one.

The file decides what they are called, their groups and their first password; the row adds
what was done to them since: another password (`password_hash`), blocked, disabled, deleted.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from llmwrap.storage.accounts import accounts, change, first, user_key
from llmwrap.storage.groups import put_into_groups
from llmwrap.storage.models import User
from llmwrap.storage.names import NameTaken, claiming_names, name_columns
from llmwrap.storage.statements import insert_missing
from llmwrap.storage.users import set_groups

BLOCKED = "blocked"


def sync_static_user(
    session: Session, *, id: str, username: str, email: str, groups: Iterable[str]
) -> bool:
    """Have a row for a predefined user that says what the file says; cheap if it does.

    Who was blocked here stays so until `remove_group`. Return False when another account
    has the username or email: the row is then called `username:id`, which no other account
    can be. Raises UnknownUser for one that was deleted here.
    """
    row = first(session, accounts(User.public_id == id))
    has_names = row is not None and (row.username, row.email) == (username, email)
    if not has_names:
        write = _add if row is None else _rename
        try:
            write(session, id, username, email)
            has_names = True
        except NameTaken:
            write(session, id, f"{username}:{id}", "")
    if row is None:
        put_into_groups(session, user_key(session, id), groups)
        return has_names
    wanted = {*groups, *(row.groups & {BLOCKED})}
    if row.groups != wanted:
        set_groups(session, id, wanted)
    return has_names


def _rename(session: Session, id: str, username: str, email: str) -> None:
    with claiming_names(session, username, email, own=id):
        change(session, id, **name_columns(username, email))


def _add(session: Session, id: str, username: str, email: str) -> None:
    now = datetime.now(UTC)
    row = {
        "public_id": id,
        **name_columns(username, email),
        "kind": "static",
        "created_at": now,
        "updated_at": now,
        "last_active_at": now,
    }
    with claiming_names(session, username, email, own=id):
        # Another worker may be doing the same.
        insert_missing(session, User, [row])
