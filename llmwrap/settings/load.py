"""Reads the configuration: defaults < TOML file < variables, all mistakes at once."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from llmwrap.settings.checks import cross_problems
from llmwrap.settings.draft import Draft, Entry
from llmwrap.settings.environment import apply_environment
from llmwrap.settings.notices import notices
from llmwrap.settings.places import dotted, leaves
from llmwrap.settings.problems import SettingsError, schema_problems
from llmwrap.settings.schema import SettingsSchema
from llmwrap.settings.secrets import resolve_secrets
from llmwrap.settings.values import CHECKOUT, Settings
from llmwrap.settings.variables import Variables, read_variables


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what is known about them.

    `origins` gives for each dotted path the source of its value: `default`, the file's
    name, a variable's name, `.env` or `discovery`. `notices` are lines for the operator.
    """

    settings: Settings
    origins: Mapping[str, str]
    notices: tuple[str, ...]


def load_settings(
    path: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings alone; see `load_with_origins`."""
    return load_with_origins(path, environ).settings


def load_with_origins(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    folder: Path = CHECKOUT,
) -> Loaded:
    """Read the file at `path`, or the one that LLMWRAP_CONFIG names, or `config.toml`.

    Only the last may be absent; it and `.env` are looked for in `folder`. Raises
    SettingsError with a line for each mistake.
    """
    draft = Draft()
    variables = _read_variables(environ, folder / ".env")
    _read_file(draft, _chosen_file(path, variables, folder))
    apply_environment(draft, variables)
    problems = resolve_secrets(draft, variables)
    try:
        settings: Settings = SettingsSchema().load(draft.tree)
    except ValidationError as error:
        problems += schema_problems(draft, error.messages_dict)
    problems += cross_problems(draft)
    if problems:
        raise SettingsError(problems)
    origins = {dotted(where): draft.origin_of(where) for where, _ in leaves(settings)}
    return Loaded(settings, origins, notices(settings, draft))


def _read_variables(environ: Mapping[str, str], dotenv: Path) -> Variables:
    try:
        return read_variables(environ, dotenv)
    except OSError as failure:
        raise SettingsError(
            [f"{dotenv}: cannot be read: {failure.strerror}"]
        ) from failure
    except UnicodeDecodeError as failure:
        raise SettingsError([f"{dotenv}: not UTF-8"]) from failure


def _chosen_file(path: Path | None, variables: Variables, folder: Path) -> Path | None:
    if path is not None:
        return path
    if "LLMWRAP_CONFIG" in variables:
        named = variables["LLMWRAP_CONFIG"]
        # In `.env` it is beside that, from wherever a command is run.
        return (Path() if named.origin == "LLMWRAP_CONFIG" else folder) / named.text
    default = folder / "config.toml"
    return default if default.exists() else None


def _read_file(draft: Draft, path: Path | None) -> None:
    if path is None:
        return
    for key, value in _read_toml(path).items():
        draft.put(Entry((key,), value, path.name))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
        return tomllib.loads(text)
    except OSError as failure:
        raise SettingsError(
            [f"{path}: cannot be read: {failure.strerror}"]
        ) from failure
    except UnicodeDecodeError as failure:
        raise SettingsError([f"{path}: not UTF-8"]) from failure
    except tomllib.TOMLDecodeError as failure:
        # Python 3.11 gives the position in the text of the error only.
        end = (
            f"line {text.count(chr(10)) + 1}, column {len(text) - text.rfind(chr(10))}"
        )
        words = str(failure).replace("at end of document", f"at {end}")
        raise SettingsError([f"{path}: {words}"]) from failure
