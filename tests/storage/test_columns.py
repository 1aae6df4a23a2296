"""What goes into a column comes out of it, the same on both engines."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import StatementError

from llmwrap.storage.audit import entries, record
from llmwrap.storage.models import RevokedToken

TIME = datetime(2026, 11, 21, 12, 0, 0, 123_999, tzinfo=UTC)


def stored_time(database, value):
    row = {"jti": "t", "user_id": "usr_1", "expires_at": value}
    with database.writing() as session:
        session.execute(insert(RevokedToken).values(row))
        return session.scalar(select(RevokedToken.expires_at))


def test_time_is_kept_to_the_millisecond(database):
    assert stored_time(database, TIME) == TIME.replace(microsecond=123_000)


def test_time_of_another_zone_comes_back_in_utc(database):
    east = TIME.astimezone(timezone(timedelta(hours=9)))

    found = stored_time(database, east)

    assert found == TIME.replace(microsecond=123_000)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_time_far_away_is_kept(database, year):
    far = datetime(year, 7, 1, tzinfo=UTC)

    assert stored_time(database, far) == far


def test_time_without_a_zone_is_refused(database):
    with pytest.raises(StatementError, match="offset-naive"):
        stored_time(database, TIME.replace(tzinfo=None))


def test_times_are_compared_as_times(database):
    stored_time(database, TIME)
    with database.reading() as session:
        found = [
            session.scalar(select(RevokedToken.jti).where(RevokedToken.expires_at > at))
            for at in (TIME, TIME - timedelta(milliseconds=1))
        ]

    assert found == [None, "t"]


def test_time_is_a_number_of_milliseconds_in_sqlite_and_a_timestamp_elsewhere(database):
    stored_time(database, TIME)
    query = (
        "SELECT typeof(expires_at), expires_at FROM revoked_tokens"
        if database.embedded
        else "SELECT pg_typeof(expires_at)::text, extract(epoch FROM expires_at) * 1000"
        " FROM revoked_tokens"
    )
    with database.reading() as session:
        kind, value = session.execute(text(query)).one()

    assert (kind, int(value)) == (
        "integer" if database.embedded else "timestamp with time zone",
        1_795_262_400_123,
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("half a pair: \ud83d", "half a pair: ?"),
        (
            "日本 \N{GRINNING FACE} \\u0000 '; --",
            "日本 \N{GRINNING FACE} \\u0000 '; --",
        ),
    ],
)
def test_text_that_no_database_can_hold_is_replaced(database, given, kept):
    with database.writing() as session:
        record(session, action="test", user_agent=given)
        (entry,) = entries(session, limit=9)

    assert entry.user_agent == kept


DETAIL = {
    "number": 1.5,
    "large": 2**53 + 1,
    "text": "日本 \N{GRINNING FACE} \\u0000 \\\\u0000 \"'",
    "list": [None, True, {}],
    "": "",
}


def test_json_comes_back_as_it_was(database):
    with database.writing() as session:
        record(session, action="test", detail=DETAIL)
        (entry,) = entries(session, limit=9)

    assert entry.detail == DETAIL


def test_json_has_no_nul_and_no_half_pairs(database):
    with database.writing() as session:
        record(
            session, action="test", detail={"a\0": ["\0", "\\\0", "\\\\\0\0", "\ud83d"]}
        )
        (entry,) = entries(session, limit=9)

    assert entry.detail == {"a�": ["�", "\\�", "\\\\��", "?"]}


def test_no_json_is_null(database):
    with database.writing() as session:
        record(session, action="test", detail=None)
        assert session.scalar(text("SELECT detail IS NULL FROM audit_log"))
