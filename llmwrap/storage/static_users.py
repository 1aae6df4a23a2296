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
from llmwrap.storage.names import claiming_names, name_columns
from llmwrap.storage.statements import insert_missing
from llmwrap.storage.users import set_groups

BLOCKED = "blocked"


def sync_static_user(
    session: Session, *, id: str, username: str, email: str, groups: Iterable[str]
) -> None:
    """Have a row for a predefined user that says what the file says; cheap if it does.

    Who was blocked here stays so until `remove_group`. Raises NameTaken when another
    account has the username or email, UnknownUser for one that was deleted here.
    """
    row = first(session, accounts(User.public_id == id))
    if row is None:
        _add(session, id, name_columns(username, email))
        put_into_groups(session, user_key(session, id), groups)
        return
    if (row.username, row.email) != (username, email):
        with claiming_names(session, username, email, own=id):
            change(session, id, **name_columns(username, email))
    wanted = {*groups, *(row.groups & {BLOCKED})}
    if row.groups != wanted:
        set_groups(session, id, wanted)


def _add(session: Session, id: str, names: dict[str, str | None]) -> None:
    now = datetime.now(UTC)
    row = {
        "public_id": id,
        **names,
        "kind": "static",
        "created_at": now,
        "updated_at": now,
        "last_active_at": now,
    }
    username, email = names["username"] or "", names["email"] or ""
    with claiming_names(session, username, email, own=id):
        # Another worker may be doing the same.
        insert_missing(session, User, [row])
