"""A section of the configuration: a table with known keys that becomes a frozen value."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, fields, post_load
from marshmallow.validate import Length

UNKNOWN = "unknown"
"""The message for a key that is not in the schema."""


class Section(Schema):
    """A table that becomes what `makes` returns for its keys."""

    makes: ClassVar[Callable[..., Any]]
    error_messages = {"unknown": UNKNOWN, "type": "a table"}  # noqa: RUF012 (as in Schema)

    class Meta:
        """An unknown key is a mistake, not something to drop."""

        unknown = RAISE

    @post_load
    def build(self, data: Mapping[str, Any], **_kwargs: Any) -> Any:
        """The frozen value, its lists made tuples."""
        return self.makes(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in data.items()
            }
        )


def table(schema: type[Section]) -> fields.Nested:
    """A table that `schema` reads."""
    return fields.Nested(schema, error_messages={"null": "a table"})


def tables(schema: type[Section], *, name: str, least: int = 0) -> fields.List[Any]:
    """A list of such tables, `least` of them; `name` is how the file has each one."""
    some = "at least one table" if least else "tables"
    words = f"a list of {some}, each under {name}"
    return fields.List(
        table(schema),
        required=least > 0,
        validate=Length(min=least, error=words),
        error_messages=dict.fromkeys(("required", "null", "invalid"), words),
    )
