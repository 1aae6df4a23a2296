"""Two workers that count together in Redis, and what becomes of that when Redis dies."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from werkzeug.security import generate_password_hash

from llmwrap.auth.users import user_id
from tests.auth.stores import RedisProcess, redis_process, redis_url
from tests.fakes import FakeUpstream
from tests.server.running import PATIENT, Running, eventually, running
from tests.server.stage import settings_for
from tests.web.guarded import PASSWORD, basic

pytestmark = [pytest.mark.integration, pytest.mark.alone]

THREADS = 8
REQUESTS = 40
"""Of each thread."""


def settings(upstream: FakeUpstream, store: str, name: str) -> dict[str, Any]:
    """Two workers, and a user `name` who may send 100 requests a minute."""
    made = settings_for(upstream.url, workers=2)
    stored = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
    user = {
        "username": name,
        "password_hash": stored,
        "groups": ["user", "hundred"],
    }
    limits = {"storage_url": store, "groups": {"hundred": "100/minute"}}
    return made | {"auth": {"mode": "required"}, "users": [user], "limits": limits}


@pytest.fixture
def name() -> Iterator[str]:
    """A user that no other test has, whose counts are deleted at the end."""
    made = f"user-{secrets.token_hex(8)}"
    yield made
    with redis.from_url(redis_url()) as client:
        for key in client.scan_iter(f"*{user_id(made)}*", count=1000):
            client.delete(key)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with redis_process(tmp_path) as process:
        yield process


def crowd(server: Running, name: str) -> "Counter[int]":
    """How many answers of each status THREADS x REQUESTS requests at once get."""
    statuses: list[int] = []

    def ask() -> None:
        for _ in range(REQUESTS):
            answer = server.gateway.get("/v1/models", headers=basic(name))
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


def both_serve(server: Running) -> None:
    eventually(lambda: server.gateway.log().count('"models_listed"') == 2)


def test_100_a_minute_is_100_with_two_workers(
    upstream: FakeUpstream, name: str
) -> None:
    with running(settings(upstream, redis_url(), name), arguments=PATIENT) as server:
        both_serve(server)
        assert crowd(server, name) == {200: 100, 429: THREADS * REQUESTS - 100}


def test_when_redis_dies_each_worker_lets_its_share_through_until_it_is_back(
    upstream: FakeUpstream, own_redis: RedisProcess
) -> None:
    """Row 53, acceptance 19."""
    name = "alice"
    sign_in = {"email": name, "password": PASSWORD}
    with running(settings(upstream, own_redis.url, name), arguments=PATIENT) as server:
        both_serve(server)
        assert crowd(server, name)[200] == 100
        own_redis.kill()
        seen = crowd(server, name)
        assert set(seen) == {200, 429}
        assert 50 < seen[200] <= 100  # more than the share of one worker
        answer = server.gateway.get("/v1/models", headers=basic(name))
        assert answer.headers["X-RateLimit-Degraded"] == "1"
        assert answer.headers["X-RateLimit-Limit"] == "50"
        closed = server.gateway.post("/api/v1/auths/signin", sign_in)
        assert closed.status_code == 503
        assert closed.json()["error"]["code"] == "backend_unavailable"
        assert server.gateway.log().count('"event":"limits_degraded"') == 2
        own_redis.start()
        eventually(lambda: server.gateway.log().count('"event":"limits_restored"') == 2)
        assert crowd(server, name) == {200: 100, 429: THREADS * REQUESTS - 100}
        assert server.gateway.post("/api/v1/auths/signin", sign_in).status_code == 200
