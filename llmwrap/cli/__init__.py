"""The command `llmwrap`. Exit status: 0 done, 1 failed, 2 wrong usage, 78 bad settings.

Importing this package stays cheap (no Flask): `check-config` runs before every start.
"""

import click

from llmwrap import __version__
from llmwrap.cli.config import check_config, config
from llmwrap.cli.process import drain, reload, undrain
from llmwrap.cli.serve import serve
from llmwrap.cli.user import user
from llmwrap.settings import CHECKOUT


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """llmwrap: one internal address for every language model that a team runs."""
    # Tests pass another folder for `config.toml` and `.env`.
    context.obj = context.obj or CHECKOUT


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"llmwrap {__version__}")


# Every command of another file is registered here, and nowhere else.
for command in (serve, reload, drain, undrain, check_config, config, user):
    main.add_command(command)
