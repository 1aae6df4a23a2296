"""`llmwrap db` in the terminal, on a database of its own."""

import pytest
from sqlalchemy import text

from tests.databases import ENGINES, empty_database, opened
from tests.fakes.ports import refusing_url

CANARY = "canary-51c0"


@pytest.fixture(params=ENGINES)
def database(request, tmp_path):
    """A configuration that names an empty database."""
    with empty_database(request.param, tmp_path) as url:
        (tmp_path / "config.toml").write_text(f'[database]\nurl = "{url}"\n')
        yield


def test_upgrade_makes_the_tables_and_may_be_repeated(run, database):
    for _ in range(2):
        result = run("db", "upgrade")

        assert result.exit_code == 0
        assert result.stdout == "the database is at r0001\n"
        assert result.stderr == ""


def test_current_tells_what_there_is_and_what_is_needed(run, database):
    before = run("db", "current")
    run("db", "upgrade")
    after = run("db", "current")

    assert (before.exit_code, before.stdout) == (
        1,
        "the database is at no revision, r0001 is needed\n",
    )
    assert (after.exit_code, after.stdout) == (
        0,
        "the database is at r0001, r0001 is needed\n",
    )


@pytest.mark.parametrize("verb", ["upgrade", "current"])
def test_database_that_does_not_answer_ends_in_one_line(run, tmp_path, verb):
    with refusing_url() as http:
        url = http.replace("http://", f"postgresql://somebody:{CANARY}@")
        (tmp_path / "config.toml").write_text(f'[database]\nurl = "{url}/none"\n')

        result = run("db", verb)

    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: the database does not answer: ")
    assert "refused" in line
    assert CANARY not in line


def test_address_that_names_no_database_is_a_bad_setting(run, tmp_path):
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///:memory:"\n')

    result = run("db", "upgrade")

    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr == (
        "database.url: the given value (config.toml) is not accepted; give "
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE\n"
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("table", ["users", "alembic_version"])
def test_database_of_something_else_is_left_alone(run, tmp_path, engine, table):
    with empty_database(engine, tmp_path) as url:
        (tmp_path / "config.toml").write_text(f'[database]\nurl = "{url}"\n')
        with opened(url) as database, database.changing_schema() as connection:
            connection.execute(text(f"CREATE TABLE {table} (x INTEGER)"))

        result = run("db", "upgrade")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: the database has tables of something else ({table}): name another one "
        "in database.url\n"
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_damaged_database_ends_in_one_line(run, tmp_path, engine):
    with empty_database(engine, tmp_path) as url:
        (tmp_path / "config.toml").write_text(f'[database]\nurl = "{url}"\n')
        run("db", "upgrade")
        with opened(url) as database, database.changing_schema() as connection:
            connection.execute(text("ALTER TABLE users RENAME TO lost"))

        result = run("user", "list")

    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: the database ")
    assert "users" in line
