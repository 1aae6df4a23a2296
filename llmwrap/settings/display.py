"""How a value is shown to people: as TOML has it, and never a secret."""

import json
import re
from collections.abc import Mapping
from typing import Any

from llmwrap.settings.accepted import Secret
from llmwrap.settings.places import Where
from llmwrap.settings.schema import field_at

MASK = "********"

_USERINFO = re.compile(r"(?<=://)\S*@")


def is_secret(where: Where) -> bool:
    """Whether the value at a path must not be shown."""
    return isinstance(field_at(where), Secret)


def masked(where: Where, value: Any) -> Any:
    """The value as it may be shown: MASK for a secret that is set, else unchanged.

    An address that carries credentials (`redis://:password@host`) loses them.
    """
    if is_secret(where):
        return MASK if value else ""
    if isinstance(value, str):
        return _USERINFO.sub(f"{MASK}@", value)
    return value


def as_toml(value: Any) -> str:
    """A plain value in the notation of the file; None is the word "none"."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {as_toml(value[key])}" for key in value)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(
        "none" if value is None else value, ensure_ascii=False, default=str
    )
