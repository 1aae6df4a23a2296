"""The variables of the process and of a `.env` file, empty ones left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values


class Variable(NamedTuple):
    """A variable's text, and its source: its own name, or `.env`."""

    text: str
    origin: str


Variables = Mapping[str, Variable]


def read_variables(environ: Mapping[str, str], dotenv: Path) -> Variables:
    """All variables that are set and not empty; `environ` beats the file.

    The file may be absent. Its values are taken as they stand, without `${...}`, since a
    password hash is full of dollar signs. Raises OSError or UnicodeDecodeError.
    """
    found = {}
    if dotenv.exists():
        with dotenv.open(encoding="utf-8") as lines:
            for name, text in dotenv_values(stream=lines, interpolate=False).items():
                found[name] = Variable(text or "", dotenv.name)
    found |= {name: Variable(text, name) for name, text in environ.items() if text}
    return {name: variable for name, variable in found.items() if variable.text}
