"""How the verbs speak: sentences and tables for people, one JSON value for programs.

Names come from outside: what a terminal would obey instead of showing is replaced.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import click

json_option = click.option(
    "--json", "form", flag_value="json", default="text", help="Print one JSON value."
)
"""Adds the argument `form`, for `show`."""


def show(form: str, value: Any, text: str) -> None:
    """Print `value` as JSON, or else `text`; times in `value` are ISO 8601 in UTC."""
    if form == "json":
        click.echo(json.dumps(value, indent=2, default=_written))
    elif text:
        click.echo(printable(text))


def tell(text: str) -> None:
    """Say one line beside what is printed, on stderr."""
    click.echo(printable(text), err=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need; an empty cell is a dash, no row is an empty text."""
    cells = [[printable(cell) or "-" for cell in row] for row in rows]
    if not cells:
        return ""
    lines = [list(heads), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def printable(text: str) -> str:
    """`text` without characters that a terminal does not show; lines stay lines."""
    return "".join(
        each if _is_shown(each) else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def day(at: datetime | None) -> str:
    """The date of a time, "" for none."""
    return f"{at:%Y-%m-%d}" if at else ""


def unknown(what: str, name: str, known: Iterable[str]) -> click.ClickException:
    """The error for a name that nothing has, with the one that was perhaps meant."""
    close = get_close_matches(name, [*known], n=1)
    hint = f"did you mean {close[0]}?" if close else f"`llmwrap {what} list` shows all"
    return click.ClickException(f"there is no {what} {name!r}; {printable(hint)}")


def _is_shown(character: str) -> bool:
    return character == "\n" or character.isprintable()


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    raise TypeError(f"JSON has no {type(value).__name__}")
