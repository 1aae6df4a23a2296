"""Five hundred wrong passwords in a second leave everybody else unharmed (reliability row 48).

The gateway checks real hashes of Werkzeug's default strength, so that it is the hashing that
is short. How many hashes run at once is seen in-process.
"""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from llmwrap.auth.basic import PasswordChecker, decoy_hash
from llmwrap.auth.throttle import Attempt
from llmwrap.auth.turns import MAX_HASHES_AT_ONCE
from llmwrap.errors import RateLimited
from tests.auth.making import FakeClock, make_throttle
from tests.fakes import FakeUpstream
from tests.gateway import Gateway, RawAnswer, read_answer, serving
from tests.matrix.ground import Headers, Line
from tests.web.faults import pool_of
from tests.web.guarded import KEY, basic
from tests.web.surface import Body

MANY = 500
THREADS = 50
LATE_S = 5.0
"""Alone a request takes milliseconds and a sign-in a tenth of a second; here two cores send and
answer 500 guesses, and 3.1 s were seen.

When each guess held its thread for 250 ms, it was 10 s.
"""
PATIENCE_S = 60.0

PASSWORD = "the right one"
EACH_FLOOD = 40
"""Users who sign in meanwhile."""


@dataclass
class Gauge:
    """Checks passwords, and counts how many checks run at once; the lock guards the counts."""

    calls: int = 0
    most: int = 0
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, stored: str, password: str) -> bool:
        with self._lock:
            self.calls += 1
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            return check_password_hash(stored, password)
        finally:
            with self._lock:
                self._running -= 1


def test_hashes_at_once_are_two_however_many_ask() -> None:
    gauge, stored = Gauge(), generate_password_hash("x", "scrypt:1024:8:1")
    passwords = PasswordChecker(
        decoy_hash([stored]), throttle=make_throttle(FakeClock()), check=gauge
    )
    seen: list[str] = []
    start = threading.Barrier(THREADS)

    def guess(first: int) -> None:
        start.wait(PATIENCE_S)
        for number in range(first, MANY, THREADS):
            attempt = Attempt(f"nobody-{number}", f"10.0.{number >> 8}.{number & 255}")
            try:
                seen.append(str(passwords.verify(None, "wrong", attempt)))
            except RateLimited as refused:
                seen.append(refused.message)

    threads = [threading.Thread(target=guess, args=(each,)) for each in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = Counter(seen)
    assert set(outcomes) <= {"False", "too many password checks at once"}
    assert outcomes.total() == MANY
    assert gauge.calls == outcomes["False"]
    assert gauge.most == MAX_HASHES_AT_ONCE == 2


Who = Callable[[int], tuple[str, str]]

ONE_ADDRESS = "many names, one address"

FLOODS: Mapping[str, Who] = {
    "many names, many addresses": lambda n: (f"nobody-{n}", f"10.9.{n >> 8}.{n & 255}"),
    "one name, many addresses": lambda n: ("victim", f"10.8.{n >> 8}.{n & 255}"),
    ONE_ADDRESS: lambda n: (f"nobody-{n}", "10.7.0.1"),
}
"""By which name and from which address the nth guess comes."""

OTHERS = ("key", "session", "password of a moment ago")
"""Those who need no hash."""

SIGN_IN = "sign-in"


@dataclass(frozen=True, slots=True)
class Flood:
    """What the guesses were answered, and the others meanwhile: status and seconds."""

    answers: tuple[RawAnswer, ...]
    others: Mapping[str, list[tuple[int, float]]]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """One with users whose passwords are as costly as new ones are."""
    stored = generate_password_hash(PASSWORD)
    names = ("victim", *(f"user-{n}" for n in range(3 * EACH_FLOOD)), "last")
    users = [
        {"username": name, "password_hash": stored, "groups": ["user"]}
        for name in names
    ]
    with FakeUpstream(models=("m",)) as upstream:
        settings = {
            "server": {"trusted_proxies": 1},
            "auth": {"api_key": KEY},
            "users": users,
            "pools": [pool_of("m", upstream.url)],
        }
        with serving(settings) as made:
            yield made


@pytest.fixture(scope="module")
def flood(request: pytest.FixtureRequest, gateway: Gateway) -> Flood:
    """All guesses sent before the first is answered, and others who go on with their work."""
    number = list(FLOODS).index(request.param)
    # Names that no other flood uses: a password that was right is remembered.
    first = number * EACH_FLOOD
    names = iter([f"user-{n}" for n in range(first, first + EACH_FLOOD)])
    mine = next(names)
    with closing(Line(gateway)) as line:
        token = json.loads(sign_in(line, mine, "10.1.0.1")[1])["token"]
    works = {
        "key": lambda line: models(line, {"X-API-Key": KEY}),
        "session": lambda line: models(line, {"Authorization": f"Bearer {token}"}),
        "password of a moment ago": lambda line: models(line, basic(mine, PASSWORD)),
        SIGN_IN: lambda line: sign_in(line, next(names), "10.1.0.2")[0],
    }
    return _flooded(gateway, FLOODS[request.param], works)


def models(line: Line, headers: Headers) -> int:
    return line.status("GET", "/v1/models", {"X-Forwarded-For": "10.1.0.3", **headers})


def sign_in(line: Line, name: str, address: str) -> tuple[int, bytes]:
    body = json.dumps({"email": name, "password": PASSWORD}).encode()
    headers = {"X-Forwarded-For": address}
    answer, text = line.ask("POST", "/api/v1/auths/signin", headers, body)
    return answer.status, text


def _flooded(
    gateway: Gateway, who: Who, works: Mapping[str, Callable[[Line], int]]
) -> Flood:
    over = threading.Event()
    others: dict[str, list[tuple[int, float]]] = {name: [] for name in works}

    def go_on(name: str) -> None:
        with closing(Line(gateway, PATIENCE_S)) as line:
            status = 0
            while not over.is_set() or (name == SIGN_IN and status != 200):
                began = time.monotonic()
                status = works[name](line)
                others[name].append((status, time.monotonic() - began))
                over.wait(0.5 if name == SIGN_IN else 0.05)

    threads = [threading.Thread(target=go_on, args=(name,)) for name in works]
    where = urlsplit(gateway.url)
    with ExitStack() as stack:
        socks = [
            stack.enter_context(
                socket.create_connection((where.hostname, where.port), PATIENCE_S)
            )
            for _ in range(MANY)
        ]
        for number, sock in enumerate(socks):
            sock.sendall(_guess(*who(number)))
        for thread in threads:
            thread.start()
        answers = tuple(read_answer(sock) for sock in socks)
    over.set()
    for thread in threads:
        thread.join()
    return Flood(answers, others)


def _guess(name: str, address: str) -> bytes:
    body: Body = {"email": name, "password": "wrong"}
    data = json.dumps(body).encode()
    head = (
        "POST /api/v1/auths/signin HTTP/1.1",
        "Host: llmwrap",
        f"X-Forwarded-For: {address}",
        f"Content-Length: {len(data)}",
    )
    return "\r\n".join((*head, "", "")).encode() + data


EACH = pytest.mark.parametrize("flood", FLOODS, indirect=True)


@pytest.mark.integration
@pytest.mark.alone
@EACH
def test_guesses_are_refused_in_order(flood: Flood) -> None:
    statuses = Counter(answer.status for answer in flood.answers)
    assert set(statuses) == {401, 429}
    for answer in flood.answers:
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.integration
@pytest.mark.alone
@EACH
def test_others_with_a_credential_are_served(flood: Flood) -> None:
    for who in OTHERS:
        assert {status for status, _ in flood.others[who]} == {200}, who


@pytest.mark.integration
@pytest.mark.alone
@EACH
def test_others_with_a_credential_do_not_wait_for_the_guesses(flood: Flood) -> None:
    for who in OTHERS:
        assert max(seconds for _, seconds in flood.others[who]) < LATE_S, who


@pytest.mark.integration
@pytest.mark.alone
@pytest.mark.parametrize("flood", [ONE_ADDRESS], indirect=True)
def test_others_can_sign_in(flood: Flood) -> None:
    assert {status for status, _ in flood.others[SIGN_IN]} == {200}
    assert max(seconds for _, seconds in flood.others[SIGN_IN]) < LATE_S


@pytest.mark.integration
@pytest.mark.alone
@EACH
def test_others_who_come_again_can_sign_in(flood: Flood) -> None:
    """From hundreds of addresses at once: nothing tells them from those who guess."""
    *before, last = (status for status, _ in flood.others[SIGN_IN])
    assert set(before) <= {200, 429}
    assert last == 200
    assert max(seconds for _, seconds in flood.others[SIGN_IN]) < LATE_S


@pytest.mark.integration
@pytest.mark.alone
@EACH
def test_all_is_well_afterwards(flood: Flood, gateway: Gateway) -> None:
    with closing(Line(gateway)) as line:
        assert sign_in(line, "last", "10.1.0.4")[0] == 200
        assert models(line, {"X-API-Key": KEY}) == 200
