"""Clients that ask without a break: short requests, and streams that take their time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.fakes import LAST_CHUNK, Step, chunked, done, send, sse_head, whatwg_payloads
from tests.fakes.connection import Connection
from tests.fakes.recorded import Recorded
from tests.gateway import Gateway
from tests.server.stage import CHAT, FINISH, PART, body_of

PARTS = 20
PAUSE_S = 0.01


@dataclass(slots=True)
class Load:
    """What came back so far; every list has one writer at a time (the lock)."""

    short: list[int] = field(default_factory=list)
    terminal: list[bytes] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def unhurried(request: Recorded) -> list[Step]:
    """A stream whose parts come one by one, over a fifth of a second."""
    pause = threading.Event()

    def rest(connection: Connection) -> None:
        for _ in range(PARTS):
            connection.send(chunked(PART))
            pause.wait(PAUSE_S)
        connection.send(chunked(FINISH) + chunked(done()) + LAST_CHUNK)

    return [send(sse_head()), rest]


@contextmanager
def load_on(gateway: Gateway, short: int, streams: int) -> Iterator[Load]:
    """So many clients of each kind, until this ends; each request has its own connection."""
    load, stop = Load(), threading.Event()
    clients = [
        threading.Thread(target=_repeat, args=[ask, gateway, load, stop])
        for ask, count in ((_ask_shortly, short), (_ask_for_a_stream, streams))
        for _ in range(count)
    ]
    for client in clients:
        client.start()
    try:
        yield load
    finally:
        stop.set()
        for client in clients:
            client.join()


def _repeat(ask, gateway: Gateway, load: Load, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            ask(gateway, load)
        except requests.RequestException as error:
            with load.lock:
                load.failures.append(repr(error))


def _ask_shortly(gateway: Gateway, load: Load) -> None:
    answer = gateway.get("/v1/models")
    with load.lock:
        load.short.append(answer.status_code)


def _ask_for_a_stream(gateway: Gateway, load: Load) -> None:
    answer = gateway.post(CHAT, body_of(stream=True))
    payloads = whatwg_payloads(answer.content) or [answer.content]
    with load.lock:
        load.terminal.append(payloads[-1])
