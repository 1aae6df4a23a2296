"""`llmwrap check-config` and `llmwrap config show`: what the configuration says."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from llmwrap.settings import Loaded, SettingsError, load_with_origins
from llmwrap.settings.display import as_toml, masked
from llmwrap.settings.places import dotted, leaves

BAD_SETTINGS = 78
"""The exit status EX_CONFIG of sysexits.h."""


def load_or_exit(folder: Path, path: Path | None = None) -> Loaded:
    """The configuration; a bad one ends the process, one line per problem on stderr."""
    try:
        return load_with_origins(path, folder=folder)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(BAD_SETTINGS)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def check_config(folder: Path, file: Path | None) -> None:
    """Check the configuration, or another FILE in its place, and count what is in it."""
    loaded = load_or_exit(folder, file)
    settings = loaded.settings
    auth = "required" if settings.auth_required else "off"
    click.echo(
        f"configuration is good: {len(settings.pools)} pools, "
        f"{len(settings.users)} users, auth {auth}"
    )
    for notice in loaded.notices:
        click.echo(notice)


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@click.option(
    "--json",
    "form",
    flag_value="json",
    default="text",
    help="One JSON object: value and origin by path.",
)
@click.pass_obj
def show(folder: Path, form: str) -> None:
    """Print every value and where it comes from; secrets are masked."""
    click.echo(_FORMS[form](_shown_values(load_or_exit(folder))))


Shown = Mapping[str, Mapping[str, Any]]
"""Value and origin by dotted path."""


def _as_lines(values: Shown) -> str:
    return "\n".join(
        f"{path} = {as_toml(shown['value'])}   # {shown['origin']}"
        for path, shown in values.items()
    )


def _as_json(values: Shown) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False)


_FORMS = {"text": _as_lines, "json": _as_json}


def _shown_values(loaded: Loaded) -> Shown:
    return {
        dotted(where): {
            "value": masked(where, value),
            "origin": loaded.origins[dotted(where)],
        }
        for where, value in leaves(loaded.settings)
    }
