"""What malformed and ambiguous requests are made of.

Every case begins where a connection begins. Its requests ask for paths below `PATH`, so that
the log tells what the application saw; a request that only a confused reader sees asks for
`SMUGGLED`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATH = b"/case"
SMUGGLED = b"/smuggled"

HOST = b"Host: gateway"
BODY = b'{"model":"x"}'
LENGTH = b"Content-Length: 13"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"d\r\n" + BODY + b"\r\n0\r\n\r\n"
HIDDEN = b"GET " + SMUGGLED + b" HTTP/1.1\r\nHost: gateway\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes of one connection. `refused`: the worker must not show it to the application."""

    name: str
    data: bytes
    refused: bool = False


Family = Callable[[], Iterator[Case]]
"""Its name says what its cases have in common."""


def request(
    *lines: bytes,
    start: bytes = b"POST " + PATH + b" HTTP/1.1",
    body: bytes = b"",
) -> bytes:
    """A request of these header lines and no others."""
    return b"\r\n".join([start, *lines, b"", body])


def get(target: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    """A request for `target`, with nothing else unusual."""
    return request(HOST, start=b"GET " + target + b" " + version)


def case(name: str, data: bytes) -> Case:
    """One that must not reach the application."""
    return Case(name, data, refused=True)


def seen(name: str, data: bytes) -> Case:
    """One that the application may see, if it is seen as what it is."""
    return Case(name, data)
