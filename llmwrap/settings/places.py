"""Where a value stands in the configuration: paths such as `pools[0].upstreams[1].url`.

Works alike on the tables of a TOML file and on the frozen values made from them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

Step = str | int
Where = tuple[Step, ...]
"""Keys and list positions from the root to one value."""

MISSING: Final = object()
"""What `lookup` answers where nothing stands."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def dotted(where: Where) -> str:
    """The path as people write it; a key that TOML would quote is quoted."""
    text = ""
    for step in where:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if _BARE_KEY.fullmatch(step) else json.dumps(step)
            text += f".{key}" if text else key
    return text


def lookup(tree: object, where: Where) -> Any:
    """What stands at a path of TOML tables, or MISSING."""
    value: Any = tree
    for step in where:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return value


def leaves(value: object, where: Where = ()) -> Iterator[tuple[Where, Any]]:
    """Every value that is no table, with its path, in order.

    A list of plain values is one leaf; so is an empty table or list.
    """
    inner = list(_steps(value))
    if not inner:
        yield where, value
    for step, item in inner:
        yield from leaves(item, (*where, step))


def _steps(value: Any) -> Iterator[tuple[Step, Any]]:
    if is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    elif isinstance(value, Mapping):
        yield from value.items()
    elif _is_list_of_tables(value):
        yield from enumerate(value)


def _is_list_of_tables(value: Any) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return any(is_dataclass(item) or isinstance(item, Mapping) for item in value)
