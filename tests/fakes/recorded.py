"""HTTP/1.1 requests as they came over the wire: read strictly, kept whole."""

import json
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.connection import Connection


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request: `headers` in order and as spelt, `body` without chunk framing.

    `connection` is the number of the connection that carried it, from 1.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    version: str = "HTTP/1.1"
    connection: int = 0

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def keeps_alive(self) -> bool:
        """Whether the client lets the connection live on after the answer."""
        wish = (self.header("connection") or "").lower()
        return wish == "keep-alive" if self.version == "HTTP/1.0" else wish != "close"

    def header(self, name: str) -> str | None:
        """The value of the header `name`, in any case; ValueError if it came twice."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(values) > 1:
            raise ValueError(f"header {name!r} came {len(values)} times: {values}")
        return values[0] if values else None

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def read_head(connection: Connection) -> Recorded:
    """The next request without its body. Raises PeerGone; ValueError for bad HTTP."""
    lines = connection.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError(f"not HTTP/1: {lines[0]!r}")
    headers = tuple(_read_header(line) for line in lines[1:])
    return Recorded(
        method, target, headers, version=version, connection=connection.number
    )


def read_body(connection: Connection, request: Recorded) -> Recorded:
    """`request` with its body. Raises PeerGone, and ValueError for bad framing."""
    length = request.header("content-length")
    coding = request.header("transfer-encoding")
    if coding is None:
        return replace(request, body=connection.read_exactly(int(length or "0")))
    if length is not None or coding.lower() != "chunked":
        raise ValueError(f"transfer-encoding {coding!r}, content-length {length!r}")
    return replace(request, body=_read_chunks(connection))


def _read_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise ValueError(f"not a header line: {line!r}")
    return name, value.strip(" \t")


def _read_chunks(connection: Connection) -> bytes:
    body = bytearray()
    while size := int(connection.read_until(b"\r\n").partition(b";")[0], 16):
        body += connection.read_exactly(size)
        if connection.read_exactly(2) != b"\r\n":
            raise ValueError(f"a chunk of {size} bytes does not end with CR LF")
    while connection.read_until(b"\r\n"):
        continue
    return bytes(body)
