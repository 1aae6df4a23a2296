"""While the database is away: who needs none is served, and nobody is called unknown."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from llmwrap.storage.migrating import upgrade
from tests.databases import empty_database, server_url
from tests.fakes import FakeUpstream, chat_answer
from tests.gateway import Gateway, serving
from tests.web.guarded import KEY, basic
from tests.web.manned import (
    Manned,
    bearer,
    chat_body,
    manned_settings,
    opened,
    within,
)
from tests.web.surface import refusal


@pytest.fixture(scope="module")
def gateway(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose database cannot be opened."""
    file = tmp_path_factory.mktemp("away") / "file"
    file.write_text("no folder")
    with FakeUpstream() as upstream:
        upstream.chat(chat_answer("Hello"))
        settings = manned_settings(upstream, f"sqlite:///{file}/users.db")
        with serving(settings, server=server) as made:
            yield made


def test_who_is_in_the_configuration_is_served(gateway: Gateway) -> None:
    body = {"email": "alice@example.com", "password": "pass:word wörd"}
    signed_in = gateway.post("/api/v1/auths/signin", body)
    assert signed_in.status_code == 200
    session = bearer(signed_in.json()["token"])
    for headers in (basic("alice"), bearer(KEY), session):
        assert gateway.get("/v1/models", headers=headers).status_code == 200
        answer = gateway.post("/v1/chat/completions", chat_body(), headers=headers)
        assert answer.status_code == 200
    assert gateway.get("/v1/models", headers=basic("bob")).status_code == 403
    assert gateway.get("/v1/models", headers=basic("alice", "x")).status_code == 401
    assert gateway.get("/health").status_code == 200
    assert gateway.get("/auth/me", headers=session).status_code == 200


@pytest.mark.parametrize(
    "headers", [bearer("sk-unknown"), {"x-api-key": "x"}, basic("somebody")]
)
def test_who_may_be_in_the_database_is_503_and_never_401(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    answer = gateway.get("/v1/models", headers=headers)
    error = refusal(answer, 503)
    assert (error["code"], error["type"]) == ("storage_unavailable", "server_error")
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["x-llmwrap-fault"] == "gateway"


def test_what_can_be_no_key_is_401_even_so(gateway: Gateway) -> None:
    for key in ("sk_live_" + "0" * 48, "sk_live_"):
        assert gateway.get("/v1/models", headers=bearer(key)).status_code == 401


def test_what_must_be_kept_is_503(gateway: Gateway) -> None:
    alice = basic("alice")
    session = {"email": "alice", "password": "pass:word wörd"}
    token = gateway.post("/api/v1/auths/signin", session).json()["token"]
    for method, path, body, headers in (
        ("POST", "/llm/auth/guest-login", {}, {}),
        ("POST", "/auth/refresh-token", {"refresh_token": "rt_x"}, {}),
        ("POST", "/auth/revoke", {"refresh_token": "rt_x"}, {}),
        ("POST", "/auth/api-keys", {"name": "x"}, alice),
        ("GET", "/auth/api-keys", None, alice),
        ("DELETE", "/auth/api-keys/x", None, alice),
        ("POST", "/auth/validate-api-key", {"api_key": "sk-unknown"}, {}),
        ("GET", "/auth/logout", None, bearer(token)),
    ):
        if body is None:
            answer = gateway.request(method, path, headers=headers)
        else:
            answer = gateway.post(path, body, headers=headers)
        assert refusal(answer, 503)["code"] == "storage_unavailable", path


@pytest.mark.integration
@pytest.mark.alone
def test_who_was_seen_is_served_when_the_server_goes_away(tmp_path: Path) -> None:
    """A PostgreSQL database closes under a running gateway, and opens again."""
    with FakeUpstream() as upstream, empty_database("postgresql", tmp_path) as url:
        upstream.chat(chat_answer("Hello"))
        with closing(opened(url)) as database:
            upgrade(database)
            with serving(manned_settings(upstream, url)) as gateway:
                manned = Manned(gateway, database, upstream, iter(range(9)))
                user, stranger = manned.add(), basic(manned.add().username)
                session = manned.sign_in(user.username)
                key = bearer(manned.new_key(session)["key"])
                seen = (session, key, basic(user.username), basic("alice"))
                assert [manned.status(each) for each in seen] == [200] * 4
                with closed(url):
                    assert [manned.status(each) for each in seen] == [200] * 4
                    assert manned.chat(key).status_code == 200
                    assert manned.status(stranger) == 503
                    assert manned.status(bearer("sk-unknown")) == 503
                    assert gateway.get("/health").status_code == 200
                assert within(10, lambda: manned.status(stranger) == 200)
                assert manned.status(bearer("sk-unknown")) == 401


@contextmanager
def closed(url: str) -> Iterator[None]:
    """Nobody gets into the database at `url`, and who was in it is thrown out."""
    name = make_url(url).database
    with closing(psycopg.connect(server_url(), autocommit=True)) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        yield
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
