"""`llmwrap guest purge` on real databases."""

from datetime import UTC, datetime, timedelta

import pytest

from llmwrap.storage.audit import entries

LONG_AGO = datetime.now(UTC) - timedelta(days=31)
GUEST = {"kind": "guest", "is_guest": True}


def test_guests_who_were_not_here_lately_are_removed(either):
    either.seed_many(2, **GUEST, last_active_at=LONG_AGO)
    either.seed("new", **GUEST)

    assert either.done("guest", "purge") == "guests removed: 2\n"

    assert [each["username"] for each in either.value("user", "list")] == ["new"]
    assert either.audited() == [("cli", "guests_purged", "user", "")]


def test_users_who_are_no_guests_stay(operator):
    operator.seed_many(1, last_active_at=LONG_AGO)

    assert operator.value("guest", "purge") == {"removed": 0}
    assert len(operator.value("user", "list")) == 1
    assert operator.audited() == []


def test_how_long_ago_is_told_in_days(operator):
    operator.seed_many(1, **GUEST, last_active_at=LONG_AGO)

    assert operator.value("guest", "purge", "--days", "32") == {"removed": 0}
    assert operator.value("guest", "purge", "--days", "31") == {"removed": 1}


def test_all_of_them_are_removed_however_many_they_are(operator):
    operator.seed_many(1001, **GUEST, last_active_at=LONG_AGO)

    assert operator.value("guest", "purge") == {"removed": 1001}
    assert operator.value("user", "list") == []
    with operator.database.reading() as session:
        removed = [each.detail["removed"] for each in entries(session, limit=9)]
    assert sorted(removed) == [1, 1000]


@pytest.mark.parametrize("days", ["0", "-1", "36501", "x"])
def test_a_malformed_number_of_days_is_wrong_usage(operator, days):
    assert operator.run("guest", "purge", "--days", days).exit_code == 2
