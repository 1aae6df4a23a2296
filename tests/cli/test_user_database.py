"""The database behind `llmwrap user`, `key` and `guest`: made, current, out of reach."""

import sqlite3
import stat
from contextlib import closing

import pytest

from tests.cli.operator import PASSWORD
from tests.databases import empty_database
from tests.fakes.ports import refusing_url

CANARY = "canary-9c1e-canary"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_user_makes_the_embedded_database_for_its_owner_alone(run, tmp_path):
    folder = tmp_path / "data"
    (tmp_path / "config.toml").write_text(f'[server]\ndata_dir = "{folder}"\n')

    assert run("user", "add", "ann", stdin=PASSWORD).exit_code == 0
    assert run("key", "create", "--user", "ann", "--name", "x").exit_code == 0

    assert mode(folder) == 0o700
    assert {each.name: mode(each) for each in folder.iterdir()} == {
        "llmwrap.db": 0o600,
        "signing_key": 0o600,
    }


def test_a_server_without_the_tables_is_left_alone(run, tmp_path):
    with empty_database("postgresql", tmp_path) as url:
        (tmp_path / "config.toml").write_text(f'[database]\nurl = "{url}"\n')
        result = run("user", "list")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: the database has no tables of llmwrap, r0001 is needed; "
        "run `llmwrap db upgrade`\n"
    )


def test_a_database_of_a_later_version_is_left_alone(operator):
    with closing(
        sqlite3.connect(operator.config.parent / "data" / "llmwrap.db")
    ) as file:
        file.execute("UPDATE alembic_version SET version_num = 'r9999'")
        file.commit()

    assert operator.refused("user", "list") == (
        "the database is at r9999, which this version of llmwrap does not know: install "
        "the one that upgraded it, or a newer one"
    )


def test_a_database_that_does_not_answer_is_told_on_one_line(run, tmp_path):
    with refusing_url() as url:
        address = url.replace("http://", f"postgresql://u:{CANARY}@") + "/d"
        (tmp_path / "config.toml").write_text(f'[database]\nurl = "{address}"\n')
        result = run("user", "list")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: the database does not answer: ")
    assert result.stderr.count("\n") == 1
    assert CANARY not in result.stderr


@pytest.mark.parametrize(
    "verb", [("user", "list"), ("key", "list"), ("guest", "purge")]
)
def test_bad_settings_end_a_verb_with_status_78(run, tmp_path, verb):
    (tmp_path / "config.toml").write_text("[server]\nworkers = 0\n")

    result = run(*verb)

    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr.startswith("server.workers: 0 (config.toml) is not accepted")
