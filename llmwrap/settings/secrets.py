"""Secrets given by reference: `x_file` names a file, `x_env` a variable.

Every field of type Secret may come in one of the three forms; after `resolve_secrets`
only the plain one is left in the draft.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from llmwrap.settings.accepted import Secret
from llmwrap.settings.draft import Draft, Entry
from llmwrap.settings.places import MISSING, Where, dotted, lookup
from llmwrap.settings.schema import field_at, keys_at
from llmwrap.settings.variables import Variables

FORMS = ("", "_file", "_env")
"""The endings of a secret's name."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")

UNRESOLVED: Final = object()
"""Stands in the draft for a secret whose reference is bad; that is reported already."""


def forms_of(where: Where) -> tuple[Where, ...]:
    """The paths of all forms of the secret that a path names; none if it names none."""
    *above, key = where
    for form in FORMS:
        name = str(key).removesuffix(form)
        if isinstance(field_at((*above, name)), Secret):
            return tuple((*above, name + form) for form in FORMS)
    return ()


def resolve_secrets(draft: Draft, variables: Variables) -> list[str]:
    """Put every referenced secret in its plain place; answers with the problems."""
    problems = []
    for where in list(_secrets(draft.tree)):
        references = forms_of(where)[1:]
        given = [form for form in (where, *references) if _is_given(draft, form)]
        try:
            entries = [_resolved(draft, form, where, variables) for form in given]
            _refuse_several(given)
        except ValueError as problem:
            problems.append(str(problem))
            entries = [Entry(where, UNRESOLVED, draft.origin_of(given[0]))]
        for form in references:
            draft.remove(form)
        for entry in entries:
            draft.put(entry)
    return problems


def _secrets(value: Any, where: Where = ()) -> Iterator[Where]:
    """Where a secret may stand, for every table that is there."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from _secrets(item, (*where, position))
    elif isinstance(value, dict):
        for key, field in keys_at(where).items():
            if isinstance(field, Secret):
                yield (*where, key)
        for key, item in value.items():
            yield from _secrets(item, (*where, key))


def _is_given(draft: Draft, where: Where) -> bool:
    return lookup(draft.tree, where) not in (MISSING, "")


def _refuse_several(given: list[Where]) -> None:
    if len(given) > 1:
        others = " and ".join(dotted(form) for form in given[1:])
        raise ValueError(
            f"{dotted(given[0])}: also given as {others}; give one of them"
        )


def _resolved(draft: Draft, form: Where, where: Where, variables: Variables) -> Entry:
    """The secret behind one form; a ValueError says what is wrong with it."""
    value, origin = lookup(draft.tree, form), draft.origin_of(form)
    if form == where:
        return Entry(where, value, origin)
    try:
        if not isinstance(value, str):
            raise ValueError("not accepted; give a string")
        if str(form[-1]).endswith("_env"):
            return Entry(where, *_read_variable(value, variables))
        return Entry(where, _read_file(value), origin)
    except ValueError as problem:
        # The reference itself is shown only where it is a variable's name by its looks:
        # people put the secret there by mistake.
        raise ValueError(f"{dotted(form)} ({origin}): {problem}") from problem


def _read_variable(name: str, variables: Variables) -> tuple[str, str]:
    if name not in variables:
        shown = name if _VARIABLE.fullmatch(name) else "of that name"
        raise ValueError(f"the variable {shown} is not set, or is empty")
    return variables[name]


def _read_file(path: str) -> str:
    """The file's text without surrounding space; relative to the current directory."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if mode & 0o077:
                raise ValueError(
                    f"the file is open to others (mode {mode:04o}); chmod 600"
                )
            text = file.read().strip()
    except OSError as failure:
        raise ValueError(f"the file cannot be read: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise ValueError("the file is not UTF-8") from failure
    if not text:
        raise ValueError("the file is empty")
    return text
