"""Carrying out statements: where the engines differ, or the types say too little."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from llmwrap.storage.models import Base

_INSERT: Mapping[str, Callable[[Any], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert_missing(
    session: Session, table: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert the rows whose keys are not there yet, whoever else does the same."""
    if rows:
        insert = _INSERT[session.get_bind().dialect.name]
        session.execute(insert(table).values(rows).on_conflict_do_nothing())


def changed_rows(session: Session, statement: Executable) -> int:
    """Carry out an UPDATE or DELETE and tell how many rows it met."""
    # The rows that the session knows are left alone: nobody reads them after this.
    result = session.execute(
        statement, execution_options={"synchronize_session": False}
    )
    return cast("CursorResult[Any]", result).rowcount
