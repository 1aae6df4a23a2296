"""`llmwrap serve`: hand this process over to gunicorn, configured by `gunicorn.conf.py`."""

import os
import sys
from pathlib import Path

import click

from llmwrap.settings import CHECKOUT


@click.command()
def serve() -> None:
    """Serve until a signal ends it. Signals reach gunicorn: its process takes this one's place."""
    # Where this was called is left now.
    if config := os.environ.get("LLMWRAP_CONFIG"):
        os.environ["LLMWRAP_CONFIG"] = str(Path(config).absolute())
    gunicorn = Path(sys.executable).with_name("gunicorn")
    os.chdir(CHECKOUT)
    os.execv(  # noqa: S606 - our own gunicorn, with fixed arguments
        gunicorn, [str(gunicorn), "-c", "gunicorn.conf.py", "wsgi:app"]
    )
