"""`llmwrap reload`, `drain` and `undrain`: what an operator asks of a running server."""

import os
import signal
import sys
from pathlib import Path

import click

from llmwrap.cli.config import BAD_SETTINGS, load_or_exit
from llmwrap.listening import AddressUnusable, require_free
from llmwrap.pid_file import Running, read_pid_file
from llmwrap.settings.values import Settings
from llmwrap.upstreams.drained import read_drained, write_drained


@click.command()
@click.pass_obj
def reload(folder: Path) -> None:
    """Check the configuration, then have the running server take it over.

    Running answers finish on the old workers. A bad configuration changes nothing.
    """
    settings = load_or_exit(folder).settings
    running = _running(settings.data_dir)
    _check_address(settings.server.bind, running)
    try:
        os.kill(running.pid, signal.SIGHUP)
    except OSError as error:
        click.echo(f"process {running.pid}: {error.strerror}", err=True)
        sys.exit(1)
    click.echo(f"configuration is good; process {running.pid} reloads")


def _running(data_dir: Path) -> Running:
    """The server that is meant; without one the command ends."""
    try:
        running = read_pid_file(data_dir)
    except OSError as error:
        running, why = None, f"{error.filename}: {error.strerror}"
    else:
        why = f"none has {data_dir}"
    if running is None:
        click.echo(
            f"no server is running here ({why}); one that runs with another "
            "server.data_dir has to be restarted",
            err=True,
        )
        sys.exit(1)
    return running


def _check_address(bind: str, running: Running) -> None:
    """End the command where the server could not go, and would refuse to."""
    if running.bind in ("", bind):
        return
    try:
        require_free(bind)
    except AddressUnusable as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_SETTINGS)


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
