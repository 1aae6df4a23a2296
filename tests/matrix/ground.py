"""The gateway that the matrix is asked of, whose signing key and database the tests know."""

import http.client
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from werkzeug.security import generate_password_hash

from llmwrap.auth.jwt_tokens import SessionTokens
from llmwrap.auth.pepper import PREFIX, Pepper
from llmwrap.auth.users import UserRecord, user_id
from llmwrap.storage import users
from llmwrap.storage.api_keys import StoredKey, add_key
from llmwrap.storage.engine import Database
from llmwrap.storage.static_users import sync_static_user
from tests.auth import issuer
from tests.fakes import FakeUpstream, json_answer
from tests.gateway import ANSWER_S, Gateway, serving
from tests.web.guarded import KEY, PASSWORD, USERS, guarded_settings
from tests.web.manned import opened
from tests.web.surface import CHAT, CODE, EMBED, Body, reset

SIGNING_KEY = b"5f" * 32
"""What the gateway signs with, so that tests can sign whatever they like."""

DAY_S = 86_400

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ground:
    """The gateway, its database, and the one server that is upstream and key server."""

    gateway: Gateway
    database: Database
    upstream: FakeUpstream
    _numbers: Iterator[int] = field(default_factory=count)
    _pepper: Pepper = field(default_factory=lambda: Pepper(SIGNING_KEY))

    def add(self, **columns: Any) -> users.StoredUser:
        """A local user with PASSWORD."""
        name = f"user-{next(self._numbers)}"
        known = {
            "username": name,
            "email": f"{name}@example.com",
            "password_hash": generate_password_hash(PASSWORD, "pbkdf2:sha256:1"),
            "groups": ("user",),
        }
        with self.database.writing() as session:
            return users.add_user(session, **(known | columns))

    def change(self, how: Callable[..., Any], *arguments: Any) -> None:
        """`how(session, *arguments)` on the database, behind the gateway's back."""
        with self.database.writing() as session:
            how(session, *arguments)

    def new_key(self, user: str, **columns: Any) -> tuple[StoredKey, str]:
        """A key of the user with this id, and its secret."""
        secret = self._pepper.new_key()
        known = {
            "name": "matrix",
            "prefix": PREFIX,
            "suffix": secret[-4:],
            "scopes": None,
            "expires_at": datetime.now(UTC) + timedelta(days=1),
        }
        hashed = self._pepper.hash(secret)
        with self.database.writing() as session:
            stored = add_key(
                session, user_id=user, key_hash=hashed, **(known | columns)
            )
        return stored, secret

    def requests(self) -> int:
        """How many requests for a model have reached the upstream."""
        return sum(each.method == "POST" for each in self.upstream.journal)


class Line:
    """A connection to the gateway that stays open."""

    def __init__(self, gateway: Gateway, timeout_s: float = ANSWER_S) -> None:
        self._connection = http.client.HTTPConnection(
            urlsplit(gateway.url).netloc, timeout=timeout_s
        )

    def ask(
        self, method: str, path: str, headers: Headers, body: bytes = b""
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer to one request, and its body."""
        self._connection.request(method, path, body or None, dict(headers))
        answer = self._connection.getresponse()
        return answer, answer.read()

    def status(
        self, method: str, path: str, headers: Headers, body: bytes = b""
    ) -> int:
        """Its status alone."""
        return self.ask(method, path, headers, body)[0].status

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def session_token(id: str, *, is_guest: bool = False, age_s: int = 0) -> str:
    """A new session token of the user with this id, as the gateway gives them out."""
    tokens = SessionTokens(SIGNING_KEY, DAY_S, 3600, lambda: time.time() - age_s)
    user = UserRecord(id, "", "", "", frozenset(), is_guest=is_guest)
    return tokens.issue(user)[0]


def provider_token(**claims: Any) -> str:
    """A new token of the identity provider."""
    now = int(time.time())
    known = {"iat": now, "exp": now + 300, "jti": secrets.token_hex(8)}
    return issuer.token(**(known | claims))


def settings_over(upstream: FakeUpstream) -> Body:
    """Every way to get in, and a pool of each kind."""
    oidc = {
        "jwks_url": f"{upstream.url}/certs",
        "issuer": issuer.ISSUER,
        "audience": issuer.AUDIENCE,
    }
    auth = {"api_key": KEY, "guest": {"enabled": True}, "oidc": oidc}
    return guarded_settings() | {
        # A proxy stands in front, so that failures can come from many addresses.
        "server": {"trusted_proxies": 1},
        "auth": auth | {"api_keys_per_user": 100_000},
        "pools": [
            _pool(upstream, "chat", CHAT),
            _pool(upstream, "code", CODE),
            _pool(upstream, "embed", EMBED),
        ],
    }


def _pool(upstream: FakeUpstream, kind: str, model: str) -> Body:
    served = {"name": f"{kind}-1", "url": f"{upstream.url}/v1"}
    return {"name": kind, "kind": kind, "models": [model], "upstreams": [served]}


@contextmanager
def standing_ground(server: str, data_dir: Path) -> Iterator[Ground]:
    """Such a gateway; its predefined users have their rows already."""
    data_dir.mkdir(mode=0o700)
    key = data_dir / "signing_key"
    key.touch(0o600)
    key.write_bytes(SIGNING_KEY)
    environ = {"LLMWRAP__SERVER__DATA_DIR": str(data_dir)}
    with FakeUpstream(models=(CHAT, CODE, EMBED)) as upstream:
        reset(upstream)
        upstream.on(
            "GET", "/certs", json_answer(200, {"keys": [issuer.jwk(issuer.RSA)]})
        )
        settings = settings_over(upstream)
        with (
            serving(settings, server=server, environ=environ) as gateway,
            closing(opened(f"sqlite:///{data_dir}/llmwrap.db")) as database,
        ):
            for name in USERS:
                _give_row(database, name)
            yield Ground(gateway, database, upstream)


def _give_row(database: Database, name: str) -> None:
    with database.writing() as session:
        sync_static_user(
            session,
            id=user_id(name),
            username=name,
            email=f"{name}@example.com",
            groups=set(USERS[name]) - {"blocked"},
        )
