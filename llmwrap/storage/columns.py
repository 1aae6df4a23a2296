"""The kinds of column: one value in Python, stored in each engine's own way."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_WRITTEN_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""A primary key, or a reference to one; SQLite numbers rows in a plain INTEGER alone."""


def _is_postgresql(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


class Moment(TypeDecorator[datetime]):
    """An aware time in whole milliseconds; a naive one is a TypeError.

    INTEGER (milliseconds since 1970) in SQLite, timestamptz in PostgreSQL; read as UTC.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        stored = TIMESTAMP(timezone=True) if _is_postgresql(dialect) else Integer()
        return dialect.type_descriptor(stored)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        passed = (value - EPOCH) // MILLISECOND
        if _is_postgresql(dialect):
            return EPOCH + timedelta(milliseconds=passed)
        return passed

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return EPOCH + timedelta(milliseconds=value)


class Words(TypeDecorator[str]):
    """Text; what PostgreSQL cannot hold (NUL, half a surrogate pair) is replaced.

    On both engines, so that a name from a request finds nothing instead of failing.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _whole(value).replace("\0", REPLACEMENT)


class Json(TypeDecorator[Any]):
    """An object or a list: TEXT in SQLite, jsonb in PostgreSQL; None is NULL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        stored = JSONB(none_as_null=True) if _is_postgresql(dialect) else Text()
        return dialect.type_descriptor(stored)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        # The engine for PostgreSQL calls `write_json` itself.
        return value if value is None or _is_postgresql(dialect) else write_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value if value is None or _is_postgresql(dialect) else json.loads(value)


def write_json(value: Any) -> str:
    """One line, without what jsonb cannot hold."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _WRITTEN_NUL.sub(rf"\1{REPLACEMENT}", _whole(written))


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs, which have no UTF-8."""
    return text.encode("utf-8", "replace").decode()
