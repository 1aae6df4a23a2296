"""The command line over a folder of its own, in this process."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmwrap.cli import main


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Call `llmwrap ARGS` with no variables, and `config.toml` in `tmp_path`."""
    no_variables = dict.fromkeys(os.environ)

    def run(*args: str, stdin: bytes = b"") -> Result:
        return CliRunner(env=no_variables).invoke(main, args, input=stdin, obj=tmp_path)

    return run
