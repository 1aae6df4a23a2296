"""Malformed and ambiguous requests, straight at the worker and through nginx.

Whatever comes: an answer or a closed connection, as many answers as the application saw
requests, nobody's request hidden in another's, and the worker goes on.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.server import nginx
from tests.server.cases import Case, Family, get
from tests.server.framing import FRAMING
from tests.server.heads import HEADS
from tests.server.running import Running, eventually, running
from tests.server.wire import Answer, answers_in, exchange

FAMILIES = (*FRAMING, *HEADS)

AT_ONCE = 16

TAIL = get(b"/tail").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
"""The next request on the connection, twice: an open trailer takes the first for its own."""

SMUGGLED = "/smuggled"

REFUSALS = {"invalid_request", "request_timeout"}
"""Codes of what is refused before the application sees it."""

NGINX_IN_A_HURRY = {
    "client_header_timeout 10s;": "client_header_timeout 1s;",
    "client_body_timeout 30s;": "client_body_timeout 1s;",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back for one case."""

    case: Case
    answers: list[Answer]

    @property
    def seen(self) -> list[str]:
        """The ids of the answers that the application made."""
        return [
            answer.headers["x-request-id"]
            for answer in self.answers
            if "x-content-type-options" in answer.headers
        ]

    @property
    def ids(self) -> list[str]:
        """The ids of all answers, those that the application never saw included."""
        finals = [answer for answer in self.answers if answer.status >= 200]
        return [answer.headers["x-request-id"] for answer in finals]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    settings = {
        "server": {"trusted_proxies": 1},
        "auth": {"mode": "off"},
        "pools": [
            {
                "name": "nowhere",
                "kind": "chat",
                "models": ["x"],
                "upstreams": [{"name": "nobody", "url": "http://127.0.0.1:1/v1"}],
            }
        ],
    }
    with running(settings) as made:
        yield made


@pytest.fixture(scope="module")
def proxied(server: Running) -> Iterator[Gateway]:
    with nginx.before(server.gateway, NGINX_IN_A_HURRY) as front:
        yield front


def hear(gateway: Gateway, family: Family) -> list[Heard]:
    """Send every case of a family, each on a connection of its own."""

    def send(case: Case) -> Heard:
        received = exchange(gateway, case.data + TAIL * 2)
        return Heard(case, answers_in(received))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(send, family()))


def logged(server: Running, start: int) -> dict[str, dict[str, Any]]:
    """Request id -> access line of what was answered since the log was `start` long."""
    lines = server.gateway.log()[start:].splitlines()
    events = [json.loads(line) for line in lines if '"event":"request"' in line]
    return {event["request_id"]: event for event in events}


def check(server: Running, gateway: Gateway, heard: list[Heard], start: int) -> None:
    """What holds for every family, wherever it was sent."""
    for each in heard:
        for answer in each.answers:
            check_answer(each.case, answer)
    seen = {made for each in heard for made in each.seen}
    eventually(lambda: seen <= logged(server, start).keys(), timeout_s=3)
    lines = logged(server, start)
    assert {line["error"] for line in without(lines, seen)} <= REFUSALS
    assert SMUGGLED not in {lines[made]["path"] for made in seen}
    assert gateway.get("/health").json() == {"status": "ok"}


def without(lines: dict[str, dict[str, Any]], ids: set[str]) -> list[dict[str, Any]]:
    """The lines of what the application did not answer."""
    return [line for made, line in lines.items() if made not in ids]


def check_answer(case: Case, answer: Answer) -> None:
    assert answer.status < 500 or answer.status in (501, 505), (case, answer)
    assert answer.whole, (case, answer)
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/json", (case, answer)
        body = json.loads(answer.body)
        assert set(body) == {"error", "detail"}, (case, answer)
        assert set(body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_worker_answers_or_closes(server: Running, family: Family) -> None:
    worker, start = server.worker, len(server.gateway.log())
    heard = hear(server.gateway, family)
    check(server, server.gateway, heard, start)
    answered = sorted(made for each in heard for made in each.ids)
    eventually(lambda: sorted(logged(server, start)) == answered, timeout_s=3)
    assert [each for each in heard if each.case.refused and each.seen] == []
    assert server.worker == worker


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_nginx_before_it_answers_or_closes(
    server: Running, proxied: Gateway, family: Family
) -> None:
    worker, start = server.worker, len(server.gateway.log())
    check(server, proxied, hear(proxied, family), start)
    assert server.worker == worker


def test_corpus_is_large() -> None:
    assert sum(len(list(family())) for family in FAMILIES) >= 300
