"""The command line over a folder of its own, in this process."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmwrap.cli import main
from llmwrap.storage.engine import FILE_NAME
from llmwrap.storage.migrating import upgrade
from tests.cli.operator import Operator
from tests.databases import database, migrated, opened, url_of

__all__ = ["database", "migrated"]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Call `llmwrap ARGS` with no variables, and `config.toml` in `tmp_path`."""
    no_variables = dict.fromkeys(os.environ)

    def run(*args: str, stdin: bytes = b"") -> Result:
        return CliRunner(env=no_variables).invoke(main, args, input=stdin, obj=tmp_path)

    return run


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with every table, to be copied."""
    file = tmp_path_factory.mktemp("tables") / FILE_NAME
    with opened(f"sqlite:///{file}") as made:
        upgrade(made)
    return file


@pytest.fixture
def operator(run, tmp_path, tables) -> Iterator[Operator]:
    """An operator whose database is the embedded one."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(tables, folder)
    config = tmp_path / "config.toml"
    config.write_text(f'[server]\ndata_dir = "{folder}"\n')
    with opened(f"sqlite:///{folder / FILE_NAME}") as database:
        yield Operator(run, config, database)


@pytest.fixture
def either(run, tmp_path, database) -> Operator:
    """An operator whose database has a URL; the test runs once on each engine."""
    url = url_of(database).render_as_string(hide_password=False)
    config = tmp_path / "config.toml"
    config.write_text(
        f'[server]\ndata_dir = "{tmp_path}/data"\n[database]\nurl = "{url}"\n'
    )
    return Operator(run, config, database)
