"""The thread beside the requests: news, notes and cleaning, and what it does in trouble."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from llmwrap.auth.audit import Note
from llmwrap.auth.sign_in import sign_in
from llmwrap.auth.upkeep import Upkeep
from llmwrap.errors import AccountBlocked, StorageUnavailable, Unauthenticated
from llmwrap.storage import users as stored
from llmwrap.storage.audit import entries
from llmwrap.storage.tokens import revoke_token, revoked_tokens
from tests.auth.making import ALICE, VISIT, FakeClock, make_sources


def nothing():
    """What there is to settle where nothing is counted."""


@pytest.fixture
def sources(shelf):
    return make_sources(shelf)


@pytest.fixture
def clock():
    return FakeClock(0.0)


@pytest.fixture
def upkeep(sources, clock):
    made = Upkeep(sources, nothing, clock)
    yield made
    made.stop()


def actions(shelf):
    with shelf.reading() as session:
        return [
            (row.action, row.outcome, row.actor_id, row.actor_kind)
            for row in entries(session, limit=9)[::-1]
        ]


def test_sign_ins_are_in_the_audit_log_good_and_bad(sources, shelf, upkeep):
    sign_in(sources, "alice", "wonderland", VISIT)
    for name, password in (("alice", "wrong"), ("nobody", "x"), ("mallory", "x")):
        with pytest.raises(Unauthenticated):
            sign_in(sources, name, password, VISIT)
    with pytest.raises(AccountBlocked):
        sign_in(sources, "mallory", "let-me-in", VISIT)
    upkeep.look()
    mallory = "usr_c0a497761b175379ed63397c"
    assert actions(shelf) == [
        ("sign_in", "ok", ALICE, "static"),
        ("sign_in", "failed", ALICE, ""),
        ("sign_in", "failed", "", ""),
        ("sign_in", "failed", mallory, ""),
        ("sign_in", "blocked", mallory, ""),
    ]


def test_names_and_passwords_that_were_tried_are_not_kept(sources, shelf, upkeep):
    with pytest.raises(Unauthenticated):
        sign_in(sources, "canary-name", "canary-password", VISIT)
    upkeep.look()
    with shelf.reading() as session:
        assert "canary" not in repr(entries(session, limit=9))


def test_notes_wait_for_a_database_that_is_away(sources, shelf, upkeep):
    sources.trail.note(Note("first", VISIT))
    shelf.away = StorageUnavailable("away")
    upkeep.look()
    sources.trail.note(Note("second", VISIT))
    shelf.away = None
    upkeep.look()
    upkeep.look()
    assert [action for action, *_ in actions(shelf)] == ["first", "second"]


def test_a_sign_in_needs_no_audit_log(sources, shelf):
    shelf.away = StorageUnavailable("away")
    assert sign_in(sources, "alice", "wonderland", VISIT).token


def test_too_many_notes_are_counted_and_dropped(sources, shelf, upkeep, caplog):
    for number in range(1003):
        sources.trail.note(Note(f"note-{number}", VISIT))
    upkeep.look()
    (line,) = (
        record for record in caplog.records if record.msg == "audit_notes_dropped"
    )
    assert line.count == 3
    with shelf.reading() as session:
        (last,) = entries(session, limit=1)
    assert last.action == "note-999"


def test_what_is_over_is_removed_within_the_hour(sources, shelf, upkeep, clock):
    now = datetime.now(UTC)
    with shelf.writing() as session:
        revoke_token(session, "old", user_id=ALICE, expires_at=now - timedelta(1))
        revoke_token(session, "new", user_id=ALICE, expires_at=now + timedelta(1))
        guest = stored.add_user(session, username="g", kind="guest", is_guest=True)
    upkeep.look()
    long_ago = now - timedelta(2)
    with shelf.reading() as session:
        assert revoked_tokens(session, long_ago) == {"old", "new"}
    clock.now += 3600
    upkeep.look()
    with shelf.reading() as session:
        assert revoked_tokens(session, long_ago) == {"new"}
        assert stored.user_by_id(session, guest.id), "guests may stay away for a month"


def test_one_task_that_fails_does_not_keep_the_others(sources, shelf, caplog):
    def broken():
        raise RuntimeError("a defect")

    upkeep = Upkeep(sources, nothing)
    upkeep._tasks = (broken, *upkeep._tasks)
    sources.trail.note(Note("kept", VISIT))
    upkeep.look()
    assert [action for action, *_ in actions(shelf)] == ["kept"]
    assert "upkeep_failed" in [record.msg for record in caplog.records]


def test_limits_are_settled_while_the_database_is_away(sources, shelf):
    settled = []
    upkeep = Upkeep(sources, lambda: settled.append("at once"))
    shelf.away = StorageUnavailable("away")
    upkeep.look()
    assert settled == ["at once"]


def test_who_looks_has_the_news(sources, shelf, upkeep):
    sources.accounts.ensure_row(sources.accounts.by_id(ALICE))
    with shelf.writing() as session:
        stored.add_group(session, ALICE, "blocked")
    upkeep.look()
    upkeep.start()
    assert "blocked" in sources.accounts.by_id(ALICE).groups


def test_it_starts_without_a_database(sources, shelf, upkeep):
    shelf.away = StorageUnavailable("away")
    upkeep.start()
    assert sources.accounts.by_id(ALICE)


def test_trouble_is_looked_into_at_once_and_once(sources, shelf):
    upkeep = Upkeep(sources, nothing, round_s=3600)
    upkeep.start()
    looked, again = threading.Event(), threading.Event()
    reading = shelf.reading

    def told():
        if threading.current_thread() is not threading.main_thread():
            (again if looked.is_set() else looked).set()
        return reading()

    shelf.away, shelf.reading = StorageUnavailable("away"), told
    with pytest.raises(StorageUnavailable):
        sources.accounts.by_username("bea")
    assert looked.wait(10)
    assert not again.wait(0.2), "the rest is for the next round"
    upkeep.stop()


def test_the_end_writes_what_was_noted(sources, shelf, upkeep):
    upkeep.start()
    sources.trail.note(Note("last", VISIT))
    upkeep.stop()
    assert [action for action, *_ in actions(shelf)] == ["last"]
