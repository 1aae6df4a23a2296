"""The command `llmwrap`. Exit status: 0 done, 1 failed, 2 wrong usage, 78 bad settings.

A verb's file is imported when the verb is called: `check-config` runs before every start, and
need not wait for the database's library.
"""

from importlib import import_module

import click

from llmwrap import __version__
from llmwrap.settings import CHECKOUT

VERBS = {
    "serve": "serve:serve",
    "reload": "process:reload",
    "drain": "process:drain",
    "undrain": "process:undrain",
    "check-config": "config:check_config",
    "config": "config:config",
    "user": "user:user",
    "key": "key:key",
    "guest": "guest:guest",
    "db": "db:db",
}
"""The module of this package and the name in it of every verb, in the order of their help."""


class Verbs(click.Group):
    """A group whose commands are found by VERBS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return super().get_command(ctx, cmd_name)
        module, _, name = VERBS[cmd_name].partition(":")
        found = getattr(import_module(f"{__name__}.{module}"), name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=Verbs)
@click.pass_context
def main(context: click.Context) -> None:
    """llmwrap: one internal address for every language model that a team runs."""
    # Tests pass another folder for `config.toml` and `.env`.
    context.obj = context.obj or CHECKOUT


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"llmwrap {__version__}")
