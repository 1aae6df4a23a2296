"""Clients that do not behave, as bytes on a socket; and the steps of upstreams they meet."""

import json
import socket
from collections.abc import Mapping
from threading import Event

from tests.fakes import Step, chunked, send, sse, sse_head
from tests.fakes.connection import Connection
from tests.web.surface import body_for

BOUND_S = 10
MOST_AT_ONCE = 65_536

EVERYTHING = {"delta": {"content": "a"}, "text": "a", "finish_reason": None}
PART = sse({"choices": [{"index": 0, **EVERYTHING}]})
"""A chunk with a bit of text, of a chat and of a text completion alike."""


def request_bytes(
    route: str, body: Mapping[str, object] | None = None, **headers: str
) -> bytes:
    """`POST route` with `body` (by default the least that it takes); underscores are hyphens."""
    data = json.dumps(body_for(route) if body is None else body).encode()
    lines = [
        f"POST {route} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(data)}",
    ]
    lines += [f"{name.replace('_', '-')}: {told}" for name, told in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def read_to(sock: socket.socket, end: bytes) -> bytes:
    """What comes, up to `end` and whatever came with it; AssertionError when it stops before."""
    received = bytearray()
    while end not in received[-MOST_AT_ONCE - len(end) :]:
        data = sock.recv(MOST_AT_ONCE)
        assert data, f"the answer ended before {end!r}: {bytes(received[-200:])!r}"
        received += data
    return bytes(received)


def flood(data: bytes, gone: Event) -> Step:
    """`data` again and again, until the gateway hangs up."""

    def step(connection: Connection) -> None:
        while not connection.peer:
            connection.send(data)
        gone.set()

    return step


def endless_stream(gone: Event) -> list[Step]:
    """A stream of small parts that only a hang-up ends."""
    return [send(sse_head()), flood(chunked(PART), gone)]
