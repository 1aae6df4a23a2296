"""Two workers over one database: what one is told to refuse, both refuse within 5 s.

That they count requests together is in `tests/server/test_shared_limits.py`, that streams end
in `tests/web/test_revocation.py`.
"""

import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from llmwrap.storage import users
from tests.auth.stores import redis_url
from tests.fakes import FakeUpstream
from tests.matrix.ground import Line
from tests.server.running import PATIENT, Running, eventually, running
from tests.web.guarded import PASSWORD, basic
from tests.web.manned import Headers, Manned, bearer, manned_settings, opened

pytestmark = [pytest.mark.integration, pytest.mark.alone]

SOON_S = 8.0
"""Known within 5 s, and a machine may be busy."""

NEW = "another passwörd"


@dataclass(frozen=True, slots=True)
class Pair:
    """The server, and a connection to each of its workers."""

    manned: Manned
    lines: tuple[Line, ...]

    def statuses(self, *credentials: Headers) -> list[list[int]]:
        """What each worker answers to each credential."""
        return [
            [line.status("GET", "/v1/models", headers) for headers in credentials]
            for line in self.lines
        ]

    def both_soon(self, expected: list[int], *credentials: Headers) -> None:
        """Return once both workers answer so."""
        eventually(lambda: self.statuses(*credentials) == [expected, expected], SOON_S)


@contextmanager
def only(server: Running, worker: int) -> Iterator[None]:
    """Every other worker is stopped meanwhile, so that this one accepts."""
    others = server.workers - {worker}
    for each in others:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in others:
            os.kill(each, signal.SIGCONT)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("two")
    url = f"sqlite:///{folder}/users.db"
    with FakeUpstream() as upstream, ExitStack() as stack:
        settings = manned_settings(upstream, url)
        settings["server"] |= {"workers": 2}
        settings["limits"] = {"storage_url": redis_url()}
        server = stack.enter_context(running(settings, arguments=PATIENT))
        eventually(lambda: len(server.workers) == 2)
        lines = []
        for worker in server.workers:
            line = stack.enter_context(closing(Line(server.gateway)))
            with only(server, worker):
                assert line.status("GET", "/health", {}) == 200
            lines.append(line)
        database = stack.enter_context(closing(opened(url)))
        # Redis remembers the names of earlier runs.
        numbers = count(secrets.randbits(40))
        manned = Manned(server.gateway, database, upstream, numbers)
        yield Pair(manned, tuple(lines))


@pytest.fixture
def user(pair: Pair) -> users.StoredUser:
    return pair.manned.add()


def test_key_that_one_worker_revokes_is_refused_by_both(
    pair: Pair, user: users.StoredUser
) -> None:
    session = pair.manned.sign_in(user.username)
    for line in pair.lines:
        key = pair.manned.new_key(session)
        other = pair.manned.new_key(session)
        both = bearer(key["key"]), bearer(other["key"])
        assert pair.statuses(*both) == [[200, 200], [200, 200]]
        path = f"/auth/api-keys/{key['id']}"
        assert line.status("DELETE", path, session) == 204
        assert line.status("GET", "/v1/models", both[0]) == 401
        pair.both_soon([401, 200], *both)
        assert line.status("DELETE", f"/auth/api-keys/{other['id']}", session) == 204


@pytest.mark.parametrize(
    ("how", "refused"), [("block", 403), ("disable", 401), ("delete", 401)]
)
def test_user_who_is_shut_out_is_refused_by_both(
    pair: Pair, user: users.StoredUser, how: str, refused: int
) -> None:
    session = pair.manned.sign_in(user.username)
    key = bearer(pair.manned.new_key(session)["key"])
    password = basic(user.username)
    assert pair.statuses(session, key, password) == [[200] * 3] * 2
    WAYS[how](pair.manned, user.id)
    pair.both_soon([refused] * 2, session, key)
    # Once: too many passwords that are wrong now would close the name.
    assert pair.statuses(password) == [[refused]] * 2


def _block(manned: Manned, id: str) -> None:
    manned.change(users.add_group, id, "blocked")


def _disable(manned: Manned, id: str) -> None:
    manned.change(users.set_status, id, "disabled")


def _delete(manned: Manned, id: str) -> None:
    manned.change(users.delete_user, id)


WAYS = {"block": _block, "disable": _disable, "delete": _delete}


def test_user_who_is_let_in_again_is_served_by_both(
    pair: Pair, user: users.StoredUser
) -> None:
    session = pair.manned.sign_in(user.username)
    _block(pair.manned, user.id)
    pair.both_soon([403], session)
    pair.manned.change(users.remove_group, user.id, "blocked")
    pair.both_soon([200], session)


def test_session_that_ends_at_one_worker_has_ended_at_both(
    pair: Pair, user: users.StoredUser
) -> None:
    for line in pair.lines:
        mine, other = (pair.manned.sign_in(user.username) for _ in range(2))
        assert pair.statuses(mine, other) == [[200, 200], [200, 200]]
        assert line.status("POST", "/auth/logout", mine) == 200
        assert line.status("GET", "/v1/models", mine) == 401
        pair.both_soon([401, 200], mine, other)


def test_new_password_ends_sessions_at_both_and_its_own_is_good_at_once(
    pair: Pair, user: users.StoredUser
) -> None:
    before = pair.manned.sign_in(user.username)
    assert pair.statuses(before) == [[200], [200]]
    body = {"password": PASSWORD, "new_password": NEW}
    path = "/api/v1/auths/update/password"
    changed = pair.manned.gateway.post(path, body, headers=before)
    assert changed.status_code == 200
    after: Mapping[str, str] = bearer(changed.json()["token"])
    assert pair.statuses(dict(after)) == [[200], [200]]
    pair.both_soon([401, 200], before, dict(after))
