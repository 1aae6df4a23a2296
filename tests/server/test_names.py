"""Upstreams that have names (row 3): looked up beside the loop, followed when they move."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.fakes import FakeUpstream, chat_answer, close, never_accepting_url
from tests.server.naming import WORKER
from tests.server.running import Running, running
from tests.web.faults import pool_of
from tests.web.surface import Body, refusal

CHAT = "/api/v1/chat/completions"
HERE, THERE = "127.0.0.1", "127.0.0.2"
CALLERS = 20
ONCE = [*chat_answer("Hello"), close()]
"""An answer after which the connection is gone, whatever the upstream said of it."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def elsewhere(upstream: FakeUpstream) -> Iterator[FakeUpstream]:
    """A server on the same port of another address."""
    with FakeUpstream(at=(THERE, upstream.port)) as fake:
        fake.chat(chat_answer("Moved"))
        yield fake


@pytest.fixture(scope="module")
def beside_a_deaf_one() -> Iterator[FakeUpstream]:
    """A server on a port that nobody accepts at on another address."""
    with never_accepting_url(THERE) as deaf:
        port = int(deaf.rpartition(":")[2])
        with FakeUpstream(at=(HERE, port)) as fake:
            fake.chat(chat_answer("Hello"))
            yield fake


@pytest.fixture(scope="module")
def server(
    upstream: FakeUpstream, beside_a_deaf_one: FakeUpstream
) -> Iterator[Running]:
    names = ("steady", "hanging", "moving", "failing", "absent", "several")
    pools = [pool_of(name, f"http://{name}.test:{upstream.port}") for name in names]
    pools.append(pool_of("deaf", f"http://deaf.test:{beside_a_deaf_one.port}"))
    pools.append(pool_of("address", upstream.url))
    settings = {"timeouts": {"connect_s": 1}, "pools": pools}
    with running(settings, arguments=WORKER) as made:
        (made.home / "names").mkdir()
        yield made


def named(server: Running, name: str, *addresses: str) -> Path:
    """Let `name` lead to `addresses` from now on; where they stand."""
    file = server.home / "names" / f"{name}.test"
    file.write_text("\n".join(addresses), "ascii")
    return file


def ask(server: Running, model: str) -> requests.Response:
    messages = [{"role": "user", "content": "Hi"}]
    body: Body = {"model": model, "messages": messages}
    return server.gateway.post(CHAT, body)


def said(answer: requests.Response) -> str:
    """The text of an answer that took one attempt."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmwrap-attempts"] == "1"
    return str(answer.json()["choices"][0]["message"]["content"])


def test_unknown_name_is_502(server: Running) -> None:
    answer = ask(server, "absent")
    assert refusal(answer, 502)["code"] == "upstream_unreachable"
    assert "absent.test" not in answer.text


def test_name_that_is_known_after_all_is_asked(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(chat_answer("Hello"))
    assert ask(server, "steady").status_code == 502
    named(server, "steady", HERE)
    assert said(ask(server, "steady")) == "Hello"


def test_address_that_refuses_is_passed_over(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(chat_answer("Hello"))
    named(server, "several", "127.0.0.3", HERE)
    assert said(ask(server, "several")) == "Hello"


def test_address_that_never_accepts_leaves_time_for_the_next(server: Running) -> None:
    named(server, "deaf", THERE, HERE)
    assert said(ask(server, "deaf")) == "Hello"


def test_last_address_serves_while_the_name_is_gone_and_while_it_hangs(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(ONCE)
    file = named(server, "failing", HERE)
    assert said(ask(server, "failing")) == "Hello"
    file.unlink()
    assert said(ask(server, "failing")) == "Hello"
    os.mkfifo(file)
    assert said(ask(server, "failing")) == "Hello"
    file.write_text(HERE)


def test_name_that_leads_elsewhere_is_followed(
    server: Running, upstream: FakeUpstream, elsewhere: FakeUpstream
) -> None:
    """The kept connection to the old address is found closed, and nobody notices."""
    upstream.chat(ONCE)
    named(server, "moving", HERE)
    assert said(ask(server, "moving")) == "Hello"
    named(server, "moving", THERE)
    assert said(ask(server, "moving")) == "Moved"
    assert elsewhere.journal[0].header("Host") == f"moving.test:{upstream.port}"


def test_hanging_lookup_holds_nobody_else_up(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(chat_answer("Hello"))
    file = named(server, "hanging")
    file.unlink()
    os.mkfifo(file)
    before = threads_of(server)
    with ThreadPoolExecutor(CALLERS) as callers:
        hanging = [callers.submit(ask, server, "hanging") for _ in range(CALLERS)]
        with file.open("w"):  # it opens once a lookup reads from it, and hangs
            for _ in range(5):
                assert server.gateway.get("/health").status_code == 200
                assert said(ask(server, "address")) == "Hello"
            assert threads_of(server) == before
            answers = [future.result() for future in hanging]
    codes = [refusal(answer, 502)["code"] for answer in answers]
    assert codes == ["upstream_unreachable"] * CALLERS


def threads_of(server: Running) -> int:
    return len(list(Path(f"/proc/{server.worker}/task").iterdir()))
