"""The audit log keeps what happened, newest first."""

from datetime import UTC, datetime

import pytest

from llmwrap.storage.audit import AuditEntry, entries, record
from llmwrap.storage.users import UnknownUser, delete_user


def test_entry_says_who_did_what_to_whom(database):
    before = datetime.now(UTC).replace(microsecond=0)
    with database.writing() as session:
        record(
            session,
            action="key.created",
            outcome="ok",
            actor_id="usr_1",
            actor_kind="jwt",
            resource_type="api_key",
            resource_id="k-1",
            ip="10.0.0.1",
            user_agent="curl/8",
            request_id="req_1",
            detail={"name": "laptop", "scopes": ["chat"]},
        )

    with database.reading() as session:
        (entry,) = entries(session, limit=9)
    assert before <= entry.ts <= datetime.now(UTC)
    assert entry == AuditEntry(
        id=entry.id,
        ts=entry.ts,
        action="key.created",
        outcome="ok",
        actor_id="usr_1",
        actor_kind="jwt",
        resource_type="api_key",
        resource_id="k-1",
        ip="10.0.0.1",
        user_agent="curl/8",
        request_id="req_1",
        detail={"name": "laptop", "scopes": ["chat"]},
    )


def test_entry_may_say_nothing_but_the_action(database):
    with database.writing() as session:
        record(session, action="config.reloaded")
        (entry,) = entries(session, limit=9)

    assert (entry.outcome, entry.actor_id, entry.detail) == ("ok", "", None)


def test_entry_of_a_change_that_failed_is_not_kept(database):
    def delete_nobody() -> None:
        with database.writing() as session:
            record(session, action="user.deleted")
            delete_user(session, "usr_unknown")

    with pytest.raises(UnknownUser):
        delete_nobody()

    with database.reading() as session:
        assert entries(session, limit=9) == []


def test_entries_are_read_in_pages_newest_first_and_by_action(database):
    with database.writing() as session:
        for number in range(5):
            action = "odd" if number % 2 else "even"
            record(session, action=action, resource_id=str(number))

    def read(session, **options) -> list[str]:
        return [entry.resource_id for entry in entries(session, **options)]

    with database.reading() as session:
        newest = entries(session, limit=2)
        assert [entry.resource_id for entry in newest] == ["4", "3"]
        last = newest[-1].id
        assert read(session, limit=2, before_id=last) == ["2", "1"]
        assert read(session, limit=9, action="even") == ["4", "2", "0"]
        assert read(session, limit=9, before_id=last, action="odd") == ["1"]
        assert read(session, limit=9, action="unknown") == []
