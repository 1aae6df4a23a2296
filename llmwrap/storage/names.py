"""What accounts are called: a username or email names one account, whatever its case.

None of them looks like an id, so that whoever is given an id can mean one account only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import CompoundSelect, select, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from llmwrap.storage.models import User

ID_PREFIX = "usr_"
"""What the public id of every account begins with, and no name."""


class NameTaken(Exception):
    """Another account has this username or email (or its id, or its subject)."""


def looks_like_id(name: str) -> bool:
    """Whether it could be taken for the id of an account; nobody can be called so."""
    return name.casefold().startswith(ID_PREFIX) and not {"@", ":"} & {*name}


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

    Raises NameTaken when another has one, as username or as email, and for what looks like
    an id; the session goes on.
    """
    if looks_like_id(username) or looks_like_id(email):
        raise NameTaken("a name that begins like an id is nobody's")
    holders = select(User.id).where(User.id.in_(named(username, email)))
    if session.scalar(holders.where(User.public_id != own).limit(1)) is not None:
        raise NameTaken("the username or the email is in use")
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        # Somebody took it after we had looked.
        raise NameTaken("the username or the email is in use") from error


def free_claimed_email(session: Session, email: str) -> None:
    """Take an address from whom has it by their own word alone: a guest who was upgraded."""
    claimed = (
        User.email_folded == email.casefold(),
        User.upgraded_at.is_not(None),
        User.deleted_at.is_(None),
    )
    freed = {"email": None, "email_folded": None, "updated_at": datetime.now(UTC)}
    session.execute(update(User).where(*claimed).values(freed))
