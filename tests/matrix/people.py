"""Every kind of principal, and every way in which it may bring its credential."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import cycle

from sqlalchemy.orm import Session

from llmwrap.auth.users import user_id
from llmwrap.storage import users
from llmwrap.storage.api_keys import revoke_key
from tests.matrix.ground import DAY_S, Ground, Headers, provider_token, session_token
from tests.web.guarded import KEY, basic
from tests.web.manned import bearer
from tests.web.surface import CHAT

LOST = 20
"""Accounts that share the work of failing: 15 wrong passwords close a name."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A credential on its way: in headers, or in the path (below `/ollama` only)."""

    headers: Headers
    path_key: str = ""


Carrier = Callable[[], Sent]
"""Makes a credential for one request: a session ends when its user signs out."""

Carriers = dict[str, Carrier]


@dataclass(frozen=True, slots=True)
class Cast:
    """One kind: the id of its user, "" for none, and its carriers by name."""

    user: str
    carriers: Carriers = field(default_factory=dict)


def always(*headers: Headers) -> Carrier:
    """These headers, each time the same."""
    joined = {name: value for each in headers for name, value in each.items()}
    return lambda: Sent(joined)


def of_token(make: Callable[[], str]) -> Carriers:
    """Where a token or key may stand."""
    return {
        "Bearer": lambda: Sent(bearer(make())),
        "X-API-Key": lambda: Sent({"X-API-Key": make()}),
        "api-key": lambda: Sent({"api-key": make()}),
        "path": lambda: Sent({}, make()),
        "twice": lambda: _twice(make()),
    }


def _twice(value: str) -> Sent:
    return Sent(bearer(value) | {"X-API-Key": value})


def of_key(key: str) -> Carriers:
    """A key may be a password too, or a name without one."""
    return of_token(lambda: key) | {
        "password": always(basic("whoever", key)),
        "username": always(basic(key, "")),
    }


def of_user(name: str, id: str) -> Carriers:
    """What a user with a password has; one header may name the user and one bring a token."""

    def both() -> Sent:
        return Sent(basic(name) | {"X-API-Key": session_token(id)})

    tokens = of_token(lambda: session_token(id))
    return {"Basic": always(basic(name)), **tokens, "Basic and token": both}


def _predefined(name: str, ground: Ground) -> Cast:
    return Cast(user_id(name), of_user(name, user_id(name)))


def _local(ground: Ground) -> Cast:
    user = ground.add()
    return Cast(user.id, of_user(user.username, user.id))


def _guest(ground: Ground) -> Cast:
    answer = ground.gateway.request("POST", "/auth/guest-login")
    assert answer.status_code == 200, answer.text
    user = answer.json()["user_id"]
    return Cast(user, of_token(lambda: session_token(user, is_guest=True)))


def _oidc(ground: Ground) -> Cast:
    answer = ground.gateway.get("/auth/me", headers=bearer(provider_token()))
    assert answer.status_code == 200, answer.text
    return Cast(answer.json()["id"], of_token(provider_token))


def _key(scopes: Mapping[str, tuple[str, ...]] | None, ground: Ground) -> Cast:
    user = ground.add()
    return Cast(user.id, of_key(ground.new_key(user.id, scopes=scopes)[1]))


def _key_and_user(ground: Ground) -> Cast:
    """A key beside another credential of its user is still a key."""
    user = ground.add()
    key = ground.new_key(user.id)[1]

    def with_token() -> Sent:
        return Sent(bearer(session_token(user.id)) | {"X-API-Key": key})

    carriers = {
        "Basic and key": always(basic(user.username), {"X-API-Key": key}),
        "token and key": with_token,
    }
    return Cast(user.id, carriers)


def _lost(end: Callable[..., None], ground: Ground) -> Cast:
    """Accounts that are no more, and what they had."""
    lost = [ground.add() for _ in range(LOST)]
    first = lost[0].id
    key, token = ground.new_key(first)[1], session_token(first)
    for user in lost:
        ground.change(end, user.id)
    names = cycle(user.username for user in lost)
    carriers = _named("token", of_token(lambda: token)) | _named("key", of_key(key))
    return Cast(first, {"Basic": lambda: Sent(basic(next(names))), **carriers})


def _named(what: str, carriers: Carriers) -> Carriers:
    return {f"{what}, {where}": carriers[where] for where in carriers}


def _disable(session: Session, id: str) -> None:
    users.set_status(session, id, "disabled")


def _expired(ground: Ground) -> Cast:
    user = ground.add()
    ours = session_token(user.id, age_s=2 * DAY_S)
    issued = int(datetime.now(UTC).timestamp()) - 900
    theirs = provider_token(iat=issued, exp=issued + 300)
    key = ground.new_key(user.id, expires_at=datetime(2020, 1, 1, tzinfo=UTC))[1]
    carriers = {
        **_named("session", of_token(lambda: ours)),
        **_named("provider", of_token(lambda: theirs)),
        **_named("key", of_key(key)),
    }
    return Cast(user.id, carriers)


def _revoked(ground: Ground) -> Cast:
    user = ground.add()
    key, secret = ground.new_key(user.id)
    with ground.database.writing() as session:
        assert revoke_key(session, key.id, user_id=user.id, now=datetime.now(UTC))
    token = session_token(user.id)
    left = ground.gateway.get("/auth/logout", headers=bearer(token))
    assert left.status_code == 200, left.text
    ended = _named("session", of_token(lambda: token))
    return Cast(user.id, _named("key", of_key(secret)) | ended)


def _unknown(ground: Ground) -> Cast:
    return Cast("", of_token(lambda: "sk-nobodys") | {"scheme": always(_DIGEST)})


_DIGEST = {"Authorization": "Digest sk-shared-by-everybody"}


def _two_users(ground: Ground) -> Cast:
    """Both good, of two users; and a key in the path beside them."""
    user, other = user_id("alice"), user_id("root")
    key = ground.new_key(other)[1]

    def two_tokens() -> Sent:
        return Sent(bearer(session_token(user)) | {"api-key": session_token(other)})

    carriers = {
        "Basic and key": always(basic("alice"), {"X-API-Key": key}),
        "Basic and shared": always(basic("alice"), {"X-API-Key": KEY}),
        "Basic and path": lambda: Sent(basic("alice"), key),
        "two headers": always({"X-API-Key": key, "api-key": KEY}),
        "two tokens": two_tokens,
    }
    return Cast("", carriers)


def _good_and_bad(ground: Ground) -> Cast:
    bad = "sk-nobodys"
    token = session_token(user_id("alice"), age_s=2 * DAY_S)
    carriers = {
        "Basic and key": always(basic("alice"), {"X-API-Key": bad}),
        "Basic and expired": always(basic("alice"), {"X-API-Key": token}),
        "Basic and path": lambda: Sent(basic("alice"), bad),
        "shared and key": always(bearer(KEY), {"api-key": bad}),
        "key and shared": always(bearer(bad), {"api-key": KEY}),
        "shared and nothing": always(bearer(KEY), {"X-API-Key": ""}),
        "nothing and shared": always({"Authorization": "", "X-API-Key": KEY}),
    }
    return Cast("", carriers)


KINDS: Mapping[str, Callable[[Ground], Cast]] = {
    "nobody": lambda _: Cast("", {"nothing": always({})}),
    "user": partial(_predefined, "alice"),
    "admin": partial(_predefined, "root"),
    "local": _local,
    "guest": _guest,
    "oidc": _oidc,
    "blocked": partial(_predefined, "bob"),
    "reader": partial(_predefined, "carol"),
    "key": partial(_key, None),
    "key-of-chat": partial(_key, {"services": ("chat",)}),
    "key-of-model": partial(_key, {"models": (CHAT,)}),
    "key-and-user": _key_and_user,
    "shared": lambda _: Cast("", of_key(KEY)),
    "disabled": partial(_lost, _disable),
    "deleted": partial(_lost, users.delete_user),
    "expired": _expired,
    "revoked": _revoked,
    "unknown": _unknown,
    "two-users": _two_users,
    "good-and-bad": _good_and_bad,
}
"""The rows of the table: how to make each."""
