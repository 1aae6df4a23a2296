"""What belongs to others is not there: an API key of somebody else is as absent as none (row 68).

Conversations and usage have no routes yet; until they have, they are 404 for everybody, and
whoever adds them meets `test_matrix`, then adds them here.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from llmwrap.storage import users
from llmwrap.storage.api_keys import key_by_id, revoke_key
from tests.matrix.asking import Walk
from tests.matrix.ground import Ground, Line, session_token
from tests.matrix.table import AUTH
from tests.web.manned import bearer

PRINCIPALS = ("user", "admin", "local", "guest", "oidc")
"""Those who may manage keys of their own, and nobody else's."""

OBJECTS = ("active", "revoked", "expired", "of a guest", "of a deleted user")


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer without what differs from one request to the next."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def seen(line: Line, method: str, path: str, id: str, who: Mapping[str, str]) -> Seen:
    """What one sees of `path` with this id, the id itself left out."""
    answer, body = line.ask(method, path.format(id=id), who)
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert headers.pop("x-request-id").startswith("req_")
    headers.pop("date", None)
    # Of the count of requests; the limit itself must be the same.
    headers.pop("x-ratelimit-remaining", None)
    headers.pop("x-ratelimit-remaining-requests", None)
    headers.pop("x-ratelimit-reset", None)
    headers.pop("x-ratelimit-reset-requests", None)
    return Seen(answer.status, headers, body.replace(id.encode(), b"ID"))


@pytest.fixture(scope="module")
def foreign(ground: Ground, walk: Walk) -> dict[str, str]:
    """Keys of others in every state: what it is -> its id."""
    owner, gone = ground.add(), ground.add()
    made = {
        "active": ground.new_key(owner.id),
        "revoked": ground.new_key(owner.id),
        "expired": ground.new_key(
            owner.id, expires_at=datetime(2020, 1, 1, tzinfo=UTC)
        ),
        "of a guest": ground.new_key(_another_guest(ground)),
        "of a deleted user": ground.new_key(gone.id),
    }
    ids = {what: key.id for what, (key, _) in made.items()}
    with ground.database.writing() as session:
        revoke_key(session, ids["revoked"], user_id=None, now=datetime.now(UTC))
        users.delete_user(session, gone.id)
    return ids


def _another_guest(ground: Ground) -> str:
    user = ground.add(kind="guest", is_guest=True, email="", password_hash="")
    return user.id


def credential(walk: Walk, kind: str) -> Mapping[str, str]:
    return walk.cast[kind].carriers["Bearer"]().headers


@pytest.mark.parametrize("kind", PRINCIPALS)
def test_key_of_somebody_else_is_as_absent_as_none(
    ground: Ground, walk: Walk, line: Line, foreign: dict[str, str], kind: str
) -> None:
    who = credential(walk, kind)
    for at in AUTH:
        path = f"{at}/api-keys/{{id}}"
        absent = seen(line, "DELETE", path, str(uuid.uuid4()), who)
        assert absent.status == 404
        assert b"'ID'" in absent.body
        for what in OBJECTS:
            assert seen(line, "DELETE", path, foreign[what], who) == absent, what
    with ground.database.reading() as session:
        key = key_by_id(session, foreign["active"])
    assert key
    assert key.revoked_at is None


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "POST"])
def test_other_methods_say_no_more(
    walk: Walk, line: Line, foreign: dict[str, str], method: str
) -> None:
    for at in AUTH:
        path = f"{at}/api-keys/{{id}}"
        for kind in ("user", "nobody"):
            who = walk.cast[kind].carriers["Bearer" if kind == "user" else "nothing"]()
            absent = seen(line, method, path, str(uuid.uuid4()), who.headers)
            assert absent.status == 405
            assert seen(line, method, path, foreign["active"], who.headers) == absent


@pytest.mark.parametrize("kind", ["blocked", "nobody", "shared", "key"])
def test_who_manages_no_keys_learns_of_none(
    walk: Walk, line: Line, foreign: dict[str, str], kind: str
) -> None:
    carriers = walk.cast[kind].carriers
    who = carriers["nothing" if kind == "nobody" else "Bearer"]().headers
    path = "/auth/api-keys/{id}"
    absent = seen(line, "DELETE", path, str(uuid.uuid4()), who)
    assert absent.status == (401 if kind == "nobody" else 403)
    for what in OBJECTS:
        assert seen(line, "DELETE", path, foreign[what], who) == absent


def test_own_key_that_is_revoked_is_as_absent_as_none(
    ground: Ground, walk: Walk, line: Line
) -> None:
    key = ground.new_key(walk.cast["local"].user)[0].id
    who, path = credential(walk, "local"), "/auth/api-keys/{id}"
    assert seen(line, "DELETE", path, key, who).status == 204
    absent = seen(line, "DELETE", path, str(uuid.uuid4()), who)
    assert seen(line, "DELETE", path, key, who) == absent


@pytest.mark.parametrize("what", OBJECTS)
def test_cursor_of_somebody_else_is_as_absent_as_none(
    ground: Ground, walk: Walk, line: Line, foreign: dict[str, str], what: str
) -> None:
    """A page after somebody else's key must not tell that the key is there."""
    user = ground.add().id
    ground.new_key(user)
    who = bearer(session_token(user))
    path = "/auth/api-keys?after={id}"
    absent = seen(line, "GET", path, str(uuid.uuid4()), who)
    assert seen(line, "GET", path, foreign[what], who) == absent


def test_list_has_nothing_of_others(
    walk: Walk, line: Line, foreign: dict[str, str]
) -> None:
    for kind in PRINCIPALS:
        answer, body = line.ask("GET", "/auth/api-keys", credential(walk, kind))
        assert answer.status == 200
        listed = {item["id"] for item in json.loads(body)["items"]}
        assert not listed & set(foreign.values())


def test_refresh_token_of_somebody_else_is_as_absent_as_none(
    ground: Ground, walk: Walk, line: Line
) -> None:
    """Revoking needs no credential but the token, and says the same of any."""
    pair = ground.gateway.request("POST", "/auth/guest-login").json()
    told = []
    for token in ("rt_" + "0" * 64, pair["refresh_token"], pair["refresh_token"]):
        body = json.dumps({"refresh_token": token}).encode()
        answer, text = line.ask("POST", "/auth/revoke", credential(walk, "user"), body)
        told.append((answer.status, text))
    assert told == [(200, b'{"status":"revoked"}\n')] * 3


@pytest.mark.parametrize(
    "path",
    [
        "/v1/conversations",
        "/v1/conversations/conv_0123456789abcdef",
        "/v1/conversations/conv_0123456789abcdef/messages",
        "/v1/conversations/conv_0123456789abcdef/items",
        "/llm/v1/conversations",
        "/v1/usage",
        "/api/v1/usage",
        "/auth/usage",
    ],
)
def test_conversations_and_usage_are_nowhere_yet(
    walk: Walk, line: Line, path: str
) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answers = {
            (answer.status, body)
            for kind in ("nobody", "user", "admin", "blocked", "guest", "key")
            for carrier in list(walk.cast[kind].carriers)[:1]
            for answer, body in [
                line.ask(method, path, walk.cast[kind].carriers[carrier]().headers)
            ]
        }
        assert {status for status, _ in answers} == {404}
        assert len(answers) == 1
