"""`llmwrap reload`, `drain` and `undrain`: what an operator asks of a running server."""

import os
import signal
import sys
from pathlib import Path

import click

from llmwrap.cli.config import load_or_exit
from llmwrap.settings.values import Settings
from llmwrap.startup import PID_FILE
from llmwrap.upstreams.drained import read_drained, write_drained


@click.command()
@click.pass_obj
def reload(folder: Path) -> None:
    """Check the configuration, then have the running server take it over.

    Running answers finish on the old workers. A bad configuration changes nothing.
    """
    settings = load_or_exit(folder).settings
    pid_file = settings.data_dir / PID_FILE
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        click.echo(f"no server is running here ({pid_file}: {error})", err=True)
        sys.exit(1)
    click.echo(f"configuration is good; process {pid} reloads")


@click.command()
@click.argument("upstream")
@click.pass_obj
def drain(folder: Path, upstream: str) -> None:
    """Give UPSTREAM no new request; what runs there goes on."""
    settings = load_or_exit(folder).settings
    _check_name(settings, upstream)
    write_drained(settings.data_dir, read_drained(settings.data_dir) | {upstream})
    click.echo(f"{upstream} takes no new requests")


@click.command()
@click.argument("upstream")
@click.pass_obj
def undrain(folder: Path, upstream: str) -> None:
    """Give UPSTREAM requests again."""
    settings = load_or_exit(folder).settings
    _check_name(settings, upstream)
    write_drained(settings.data_dir, read_drained(settings.data_dir) - {upstream})
    click.echo(f"{upstream} takes requests again")


def _check_name(settings: Settings, upstream: str) -> None:
    names = [each.name for pool in settings.pools for each in pool.upstreams]
    if upstream not in names:
        known = ", ".join(names) or "none"
        click.echo(f"no upstream is called {upstream!r}; configured: {known}", err=True)
        sys.exit(1)
