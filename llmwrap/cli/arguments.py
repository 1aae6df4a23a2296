"""What an argument may be; a bad one is wrong usage (exit status 2)."""

from typing import Any

import click

from llmwrap.settings import accepted
from llmwrap.settings.accepted import Text, Value, is_email

MAX_NAME = 128


class Accepted(click.ParamType[str]):
    """An argument that a field of the settings agrees to."""

    def __init__(self, name: str, field: Value) -> None:
        self.name = name
        self._field = field

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """`value` as it is."""
        if not self._field.accepts(value):
            words = self._field.error_messages["invalid"]
            self.fail(f"{value!r} is not accepted; give {words}", param, ctx)
        return value


def _is_line(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable() and text == text.strip()


_LINE = f"1 to {MAX_NAME} printable characters, no space at either end"

USERNAME = Accepted(
    "name",
    Text(f"{_LINE}, no colon", lambda text: _is_line(text) and ":" not in text),
)
"""HTTP Basic ends a name at the first colon (RFC 7617)."""

EMAIL = Accepted("email", Text("an address such as ann@example.com", is_email))
GROUP = Accepted("group", accepted.name())
LABEL = Accepted("label", Text(_LINE, _is_line))
PATTERN = Accepted("pattern", Text(_LINE, _is_line))
RATES = Accepted("rates", accepted.rates())
