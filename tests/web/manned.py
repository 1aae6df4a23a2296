"""A gateway with users of its own: in the configuration, in a database, and guests.

The database is a file that the tests write to beside the gateway, as the command line does.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import requests
from werkzeug.security import generate_password_hash

from llmwrap.settings import values
from llmwrap.storage import users
from llmwrap.storage.engine import Database, open_database
from tests.fakes import FakeUpstream, chat_answer
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.guarded import KEY, PASSWORD, guarded_settings
from tests.web.surface import Body

MODEL = "tiny"
CHAT = "/v1/chat/completions"

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Manned:
    """The gateway, its database, the model server behind it."""

    gateway: Gateway
    database: Database
    upstream: FakeUpstream
    numbers: Iterator[int]

    def add(self, **columns: Any) -> users.StoredUser:
        """A local user with a name of its own and PASSWORD."""
        name = f"user-{next(self.numbers)}"
        hashed = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
        known = {
            "username": name,
            "email": f"{name}@example.com",
            "password_hash": hashed,
            "groups": ("user",),
        }
        with self.database.writing() as session:
            return users.add_user(session, **(known | columns))

    def change(self, how: Any, *arguments: Any) -> None:
        """Change the database behind the gateway's back: `how(session, *arguments)`."""
        with self.database.writing() as session:
            how(session, *arguments)

    def sign_in(self, name: str, password: str = PASSWORD) -> Headers:
        """The header with a new session token."""
        body = {"email": name, "password": password}
        answer = self.gateway.post("/api/v1/auths/signin", body)
        assert answer.status_code == 200, answer.text
        return bearer(answer.json()["token"])

    def guest(self) -> Body:
        """The answer to a guest login."""
        answer = self.gateway.request("POST", "/llm/auth/guest-login")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def new_key(self, headers: Headers, **fields: Any) -> Body:
        """The answer to making a key."""
        body = {"name": "laptop", **fields}
        answer = self.gateway.post("/auth/api-keys", body, headers=headers)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def status(self, headers: Headers) -> int:
        """The status of a list of models."""
        return self.gateway.get("/v1/models", headers=headers).status_code

    def chat(self, headers: Headers, **options: Any) -> requests.Response:
        """The answer to a chat."""
        body = chat_body(stream=options.get("stream", False))
        return self.gateway.post(CHAT, body, headers=headers, **options)


def bearer(token: str) -> Headers:
    """The header of a token or key."""
    return {"Authorization": f"Bearer {token}"}


def within(bound_s: float, done: Callable[[], bool]) -> bool:
    """Whether `done` comes true within `bound_s`."""
    pause = threading.Event()
    return any(done() or pause.wait(0.1) for _ in range(round(bound_s / 0.1)))


def chat_body(**fields: object) -> Body:
    """A chat with MODEL."""
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": MODEL, "messages": messages, **fields}


def manned_settings(upstream: FakeUpstream, url: str) -> Body:
    """The settings of such a gateway over the database at `url`."""
    auth = {"api_key": KEY, "guest": {"enabled": True}, "api_keys_per_user": 3}
    return guarded_settings() | {
        "database": {"url": url},
        "auth": auth,
        "pools": [pool_of(MODEL, upstream.url)],
    }


def opened(url: str) -> Database:
    """The database at `url`, for the tests' own use."""
    return open_database(values.Settings(database=values.Database(url=url)))


@pytest.fixture(scope="session")
def manned(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manned]:
    url = f"sqlite:///{tmp_path_factory.mktemp('manned')}/users.db"
    with FakeUpstream() as upstream:
        upstream.chat(chat_answer("Hello"))
        with (
            serving(manned_settings(upstream, url), server=server) as gateway,
            closing(opened(url)) as database,
        ):
            yield Manned(gateway, database, upstream, count(1))
