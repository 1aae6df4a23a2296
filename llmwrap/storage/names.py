"""What accounts are called: a username or email names one account, whatever its case."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import CompoundSelect, select, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from llmwrap.storage.models import User


class NameTaken(Exception):
    """Another account has this username or email (or its id, or its subject)."""


def name_columns(username: str, email: str) -> dict[str, str | None]:
    """The values of the columns that hold the names; `email` "" is none."""
    return {
        "username": username,
        "username_folded": username.casefold(),
        "email": email or None,
        "email_folded": email.casefold() or None,
    }


def named(*names: str) -> CompoundSelect[int]:
    """Select the primary keys of the accounts with one of these names, "" being none."""
    folded = {name.casefold() for name in names} - {""}
    # Two look-ups: for an OR over two partial indexes SQLite would read the whole table.
    return union(
        *(
            select(User.id).where(User.deleted_at.is_(None), column.in_(folded))
            for column in (User.username_folded, User.email_folded)
        )
    )


@contextmanager
def claiming_names(
    session: Session, username: str, email: str, *, own: str = ""
) -> Iterator[None]:
    """Write these names to a row inside; `own` is the id of the account that may have them.

    Raises NameTaken when another has one, as username or as email; the session goes on.
    """
    holders = select(User.id).where(User.id.in_(named(username, email)))
    if session.scalar(holders.where(User.public_id != own).limit(1)) is not None:
        raise NameTaken("the username or the email is in use")
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        # Somebody took it after we had looked.
        raise NameTaken("the username or the email is in use") from error
