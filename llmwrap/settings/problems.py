"""What is wrong with a configuration, in lines that people can act on.

Each line starts with the dotted path; a secret's value is in none of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from llmwrap.settings.accepted import Secret, Value
from llmwrap.settings.display import as_toml, is_secret, masked
from llmwrap.settings.draft import Draft
from llmwrap.settings.places import MISSING, Where, dotted, leaves, lookup
from llmwrap.settings.schema import field_at, keys_at
from llmwrap.settings.secrets import FORMS, UNRESOLVED
from llmwrap.settings.section import UNKNOWN


class SettingsError(ValueError):
    """The configuration is not usable; `problems` holds one line per mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def schema_problems(draft: Draft, messages: Mapping[Any, Any]) -> list[str]:
    """One line for each message of a marshmallow ValidationError about the draft.

    Sorted: marshmallow reports unknown keys in the order of a set.
    """
    return sorted(
        _line(draft, where, message)
        for where, message in _flat(messages)
        if lookup(draft.tree, where) is not UNRESOLVED
    )


def _flat(messages: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    if isinstance(messages, list):
        yield where, messages[0]
        return
    for step, inner in messages.items():
        yield from _flat(inner, where if step == "_schema" else (*where, step))


def _line(draft: Draft, where: Where, message: str) -> str:
    value = lookup(draft.tree, where)
    if value is MISSING:
        return f"{dotted(where)}: missing; give {message}"
    origin = draft.origin_of(where)
    if message == UNKNOWN:
        return f"{dotted(where)}: no such setting ({origin}); {_suggestion(where)}"
    shown = _shown(where, value)
    return f"{dotted(where)}: {shown} ({origin}) is not accepted; give {message}"


def _shown(where: Where, value: Any) -> str:
    """The value, unless it is a secret or has tables in it, which may hold one."""
    in_tables = any(inner for inner, _ in leaves(value))
    is_plain = isinstance(field_at(where), Value) and not in_tables
    if is_secret(where) or not is_plain:
        return "the given value"
    return as_toml(masked(where, value))


def _suggestion(where: Where) -> str:
    *above, key = where
    known = list(_writable_keys(tuple(above)))
    close = get_close_matches(str(key), known, n=1)
    if close:
        return f"did you mean {dotted((*above, close[0]))}?"
    return f"known here: {', '.join(known)}"


def _writable_keys(where: Where) -> Iterator[str]:
    for key, field in keys_at(where).items():
        forms = FORMS if isinstance(field, Secret) else ("",)
        yield from (key + form for form in forms)
