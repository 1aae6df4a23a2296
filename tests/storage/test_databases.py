"""What the tests do without a PostgreSQL server."""

import pytest

from tests.databases import VARIABLE, server_url

MISSING = "LLMWRAP_TEST_POSTGRES_URL is not set: nothing is tested on PostgreSQL"


@pytest.mark.parametrize(
    ("ci", "end"),
    [("true", pytest.fail.Exception), ("", pytest.skip.Exception)],
)
def test_missing_server_fails_in_ci_and_is_a_skip_elsewhere(monkeypatch, ci, end):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("CI", ci)

    with pytest.raises(end, match=MISSING):
        server_url()


def test_server_is_the_one_that_is_named(monkeypatch):
    monkeypatch.setenv(VARIABLE, "postgresql://u@h/d")

    assert server_url() == "postgresql://u@h/d"
