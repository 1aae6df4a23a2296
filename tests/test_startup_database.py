"""What a start makes of the database: it fits, is made to fit, or stops the start."""

from pathlib import Path

import pytest
from sqlalchemy import text

from llmwrap.startup import UNFIT, prepare
from llmwrap.storage.revisions import DatabaseOutdated, DatabaseTooNew, is_current
from tests.databases import empty_database, opened


def environ_for(url: str, tmp_path: Path) -> dict[str, str]:
    """A configuration with a pool, so that nothing is looked for on this machine."""
    config = tmp_path / "config.toml"
    config.write_text(
        f"database.url = '{url}'\n"
        "[[pools]]\nname = 'x'\nkind = 'chat'\nmodels = ['x']\n"
        "[[pools.upstreams]]\nname = 'x-1'\nurl = 'http://127.0.0.1:9/v1'\n"
    )
    data_dir = str(tmp_path / "data")
    return {"LLMWRAP_CONFIG": str(config), "LLMWRAP__SERVER__DATA_DIR": data_dir}


def test_a_file_is_made_with_every_table_and_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/users.db"
    for _ in range(2):
        prepare(environ_for(url, tmp_path))
        with opened(url) as database:
            assert is_current(database)


def test_a_database_of_a_later_release_stops_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/users.db"
    prepare(environ_for(url, tmp_path))
    with opened(url) as database, database.changing_schema() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(DatabaseTooNew, match=r"^the database is at later"):
        prepare(environ_for(url, tmp_path))


def test_an_outdated_server_stops_the_start_and_names_the_command(
    tmp_path: Path,
) -> None:
    with (
        empty_database("postgresql", tmp_path) as url,
        pytest.raises(DatabaseOutdated, match=r"run `llmwrap db upgrade`$"),
    ):
        prepare(environ_for(url, tmp_path))


def test_a_database_that_is_away_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    url = f"sqlite:///{tmp_path}/file/users.db"
    assert prepare(environ_for(url, tmp_path)).settings.database.url == url


def test_what_stops_a_start_is_one_kind_of_error() -> None:
    assert issubclass(DatabaseTooNew, UNFIT)
    assert issubclass(DatabaseOutdated, UNFIT)
