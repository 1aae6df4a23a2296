"""Who loses access in the middle of an answer loses the answer too (reliability row 61)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime

import pytest
import requests

from llmwrap.storage import users
from llmwrap.storage.api_keys import revoke_key
from tests.fakes import (
    FakeUpstream,
    Step,
    chat_answer,
    chat_chunk,
    chunked,
    expect_hangup,
    send,
    sse,
    sse_head,
)
from tests.fakes.connection import Connection
from tests.gateway import serving
from tests.web.guarded import basic
from tests.web.manned import Manned, bearer, manned_settings, opened
from tests.web.surface import frames, payloads, refusal

BOUND_S = 8
"""Known within 5 s, and a machine may be busy."""

PART = sse(chat_chunk({"content": "a"}))


def endless(gone: threading.Event) -> list[Step]:
    """Parts for as long as there is somebody to read them."""

    def flow(connection: Connection) -> None:
        pause = threading.Event()
        while not connection.peer:
            connection.send(chunked(PART))
            pause.wait(0.02)
        gone.set()

    return [send(sse_head() + chunked(PART)), flow]


@contextmanager
def streaming(
    manned: Manned, headers: dict[str, str], gone: threading.Event
) -> Iterator[requests.Response]:
    """A stream that has begun, and would never end."""
    manned.upstream.chat(endless(gone), then=[chat_answer("Hello")])
    with manned.chat(headers, stream=True) as answer:
        assert answer.status_code == 200
        yield answer


def last_event(answer: requests.Response) -> dict:
    """The event after which the stream ended."""
    whole = b"".join(frames(answer))
    events = payloads(whole)
    assert "[DONE]" not in events
    return events[-1]


WAYS: dict[str, Callable[[Manned, users.StoredUser], None]] = {
    "blocked": lambda m, user: m.change(users.add_group, user.id, "blocked"),
    "disabled": lambda m, user: m.change(users.set_status, user.id, "disabled"),
    "deleted": lambda m, user: m.change(users.delete_user, user.id),
    "password": lambda m, user: m.change(users.set_password, user.id, "other"),
}


def test_streams_end_with_the_accounts_of_who_asked(manned: Manned) -> None:
    gone = {way: threading.Event() for way in WAYS}
    with ExitStack() as stack:
        answers = {}
        for way, change in WAYS.items():
            user = manned.add()
            begun = streaming(manned, manned.sign_in(user.username), gone[way])
            answers[way] = stack.enter_context(begun)
            change(manned, user)
        for answer in answers.values():
            error = last_event(answer)["error"]
            assert (error["code"], error["type"]) == (
                "access_revoked",
                "permission_error",
            )
    for way, answer in answers.items():
        assert gone[way].wait(BOUND_S), "the upstream is let go"
        line = manned.gateway.logged(answer.headers["x-request-id"])
        assert (line["outcome"], line["error"]) == ("refused", "access_revoked")
    assert manned.chat(basic("alice")).status_code == 200


def test_stream_ends_with_its_key_at_once(manned: Manned) -> None:
    session = manned.sign_in(manned.add().username)
    key, other = manned.new_key(session), manned.new_key(session)
    gone = threading.Event()
    with streaming(manned, bearer(key["key"]), gone) as answer:
        for ended in (other, key):
            path = f"/auth/api-keys/{ended['id']}"
            told = manned.gateway.request("DELETE", path, headers=session)
            assert told.status_code == 204
        assert last_event(answer)["error"]["code"] == "access_revoked"
    assert gone.wait(BOUND_S)


def test_stream_ends_with_its_session_at_once(manned: Manned) -> None:
    headers = manned.sign_in("alice")
    gone = threading.Event()
    with streaming(manned, headers, gone) as answer:
        manned.gateway.get("/auth/logout", headers=headers)
        assert last_event(answer)["error"]["message"] == "this session was ended"
    assert gone.wait(BOUND_S)


def test_stream_of_another_user_goes_on(manned: Manned) -> None:
    mine, other = manned.sign_in("alice"), manned.sign_in("alice")
    gone = threading.Event()
    with streaming(manned, mine, gone) as answer:
        arriving = frames(answer)
        manned.gateway.get("/auth/logout", headers=other)
        assert all(b"error" not in next(arriving) for _ in range(20))
    assert gone.wait(BOUND_S), "it ended because the client left"


def test_request_that_waits_for_a_silent_upstream_is_403(
    manned: Manned, server: str
) -> None:
    if server == "gthread":
        pytest.skip("the generator driver looks up only when the upstream speaks")
    headers = manned.sign_in("alice")
    gone = threading.Event()
    manned.upstream.chat([expect_hangup(gone)], then=[chat_answer("Hello")])
    asked = len(manned.upstream.journal)
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(manned.chat(headers)))
    thread.start()
    manned.upstream.wait_for_requests(asked + 1)
    manned.gateway.get("/auth/logout", headers=headers)
    thread.join(BOUND_S)
    assert refusal(answers[0], 403)["code"] == "access_revoked"
    assert gone.wait(BOUND_S)


@pytest.mark.integration
@pytest.mark.alone
def test_every_worker_ends_the_streams_of_who_is_blocked(tmp_path) -> None:
    """Two workers; streams of one user on both end within 5 s, those of others go on."""
    url = f"sqlite:///{tmp_path}/users.db"
    with FakeUpstream() as upstream, closing(opened(url)) as database:
        settings = manned_settings(upstream, url)
        settings["server"] |= {"workers": 2}
        settings["limits"] = {"storage_url": REDIS, "default": "1000000/minute"}
        with serving(settings) as gateway:
            manned = Manned(gateway, database, upstream, iter(range(9)))
            user = manned.add()
            key = manned.new_key(manned.sign_in(user.username))
            upstream.chat(endless(threading.Event()))
            answers = [
                manned.chat(headers, stream=True)
                for _ in range(8)
                for headers in (basic(user.username), bearer(key["key"]))
            ]
            other = frames(manned.chat(basic("alice"), stream=True))
            manned.change(users.add_group, user.id, "blocked")
            manned.change(_revoke, key["id"])
            for answer in answers:
                assert last_event(answer)["error"]["code"] == "access_revoked"
            assert all(b"error" not in next(other) for _ in range(20))
            other.close()


REDIS = "redis://127.0.0.1:6379/15"


def _revoke(session, key_id: str) -> None:
    revoke_key(session, key_id, user_id=None, now=datetime.now(UTC))
