"""Connections to upstreams in the event loop: asyncio protocols, kept alive per upstream.

One connection serves one request at a time. The end of an answer is exact: its length, its last
chunk, or the end of the connection where it has neither. Nothing is decompressed or followed.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol, cast
from urllib.parse import urlsplit

import httptools

from llmwrap.dialects.base import Call, Headers
from llmwrap.errors import (
    GatewayError,
    GatewayFault,
    UpstreamDisconnected,
    UpstreamProtocolError,
    UpstreamUnreachable,
)
from llmwrap.upstreams.upstream import Upstream

log = logging.getLogger(__name__)

MAX_IDLE = 64
"""Idle connections kept for one upstream; the one used last is taken first."""

IDLE_S = 30.0
"""Common servers close after 60 s (Uvicorn after 5): a stale one is replaced unseen anyway."""

TAIL_S = 1.0
"""How long the rest of an answer may take whose last event has been given to the client."""

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 200
MAX_INTERIM = 5
"""1xx answers before the real one."""


class Handler(Protocol):
    """Who asked; told of one answer, and nothing after `on_end` or `on_failed`."""

    def on_head(self, status: int, headers: dict[str, str]) -> None: ...

    def on_bytes(self, data: bytes) -> None: ...

    def on_end(self) -> None: ...

    def on_failed(self, error: GatewayError) -> None: ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream listens, and how its requests begin."""

    host: str
    port: int
    tls: bool
    path: str
    host_header: str

    @classmethod
    def of(cls, upstream: Upstream) -> "Address":
        parts = urlsplit(upstream.url)
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname or "", port, tls, parts.path, parts.netloc)


class UpstreamConnection(asyncio.Protocol):
    """One connection. All calls are made, and all answers told, in the event loop."""

    def __init__(self, upstream: Upstream, release: Callable[..., None]) -> None:
        self.upstream = upstream
        self.reused = False
        self._release = release
        self._handler: Handler | None = None
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._busy = False
        self._lost = False
        self._paused = False
        self._tail: asyncio.TimerHandle | None = None
        self._headers: dict[str, str] = {}
        self._interim = 0
        self._reset()

    def send(self, request: bytes, handler: Handler) -> None:
        """Write one request; its answer is told to `handler`."""
        self._handler = handler
        self._busy = True
        self._reset()
        self._parser = httptools.HttpResponseParser(self)
        if self._transport:
            self._transport.write(request)

    @property
    def open(self) -> bool:
        """Whether it can take a request."""
        return bool(self._transport) and not self._lost and not self._busy

    @property
    def answered(self) -> bool:
        """Whether any byte of the current answer has come."""
        return self._head_bytes > 0

    def detach(self) -> None:
        """Nobody listens any more: reuse the connection if the answer ends soon, else cut it."""
        self._handler = None
        self.resume()
        if self._busy and not self._lost:
            loop = asyncio.get_running_loop()
            self._tail = loop.call_later(TAIL_S, self.abort)

    def abort(self) -> None:
        """Cut the connection, so that the upstream stops working for nobody."""
        self._handler = None
        self._lost = True
        if self._transport:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading: the client does not keep up."""
        if self._transport and not self._lost and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport and not self._lost and self._paused:
            self._paused = False
            self._transport.resume_reading()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._busy or self._parser is None:
            self.abort()
            return
        if not self._complete_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(self._error_of(error))
            return
        if not self._complete_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(UpstreamProtocolError("the upstream's answer has a giant head"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        handler, self._handler = self._handler, None
        if not self._busy or handler is None:
            return
        self._busy = False
        if self._until_close and exc is None:
            handler.on_end()
        else:
            handler.on_failed(_broken(begun=self._complete_head))

    # What the parser tells.

    def on_message_begin(self) -> None:
        if not self._busy:
            self._refuse("the upstream sent more than it was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self._headers) >= MAX_HEADERS:
            self._refuse("the upstream's answer has too many headers")
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._status()
        if 100 <= status < 200:
            return
        headers = self._headers
        self._complete_head = True
        self._until_close = (
            "content-length" not in headers and "transfer-encoding" not in headers
        )
        if headers.get("content-encoding", "identity") != "identity":
            self._refuse("the upstream compressed its answer, unasked")
        if self._handler:
            self._handler.on_head(status, headers)

    def on_body(self, body: bytes) -> None:
        if self._handler:
            self._handler.on_bytes(body)

    def on_message_complete(self) -> None:
        if 100 <= self._status() < 200:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._refuse("the upstream sent too many interim answers")
            self._headers = {}
            return
        self._busy = False
        self.resume()
        if self._tail:
            self._tail.cancel()
            self._tail = None
        handler, self._handler = self._handler, None
        keep = bool(self._parser and self._parser.should_keep_alive())
        if not keep and self._transport:
            self._lost = True
            self._transport.close()
        self._release(self)
        if handler:
            handler.on_end()

    def _status(self) -> int:
        return self._parser.get_status_code() if self._parser else 0

    def _reset(self) -> None:
        self._headers = {}
        self._head_bytes = 0
        self._interim = 0
        self._complete_head = False
        self._until_close = False
        self._refusal = ""

    def _refuse(self, text: str) -> NoReturn:
        """Leave the parser: `httptools` wraps what its callbacks raise."""
        self._refusal = text
        raise ValueError(text)

    def _error_of(self, error: httptools.HttpParserError) -> GatewayError:
        if self._refusal:
            return UpstreamProtocolError(self._refusal)
        if isinstance(error, httptools.HttpParserCallbackError):
            log.error("relay_failed", exc_info=error)
            return GatewayFault("the gateway failed; see its log")
        return UpstreamProtocolError("the upstream's answer is no valid HTTP")

    def _fail(self, error: GatewayError) -> None:
        handler = self._handler
        self.abort()
        if handler:
            handler.on_failed(error)


def _broken(*, begun: bool) -> UpstreamDisconnected:
    when = "in the middle of its answer" if begun else "before it answered"
    return UpstreamDisconnected(f"the upstream closed the connection {when}")


class Connections:
    """Makes and keeps the connections of one event loop; not thread-safe."""

    def __init__(self, connect_s: float) -> None:
        self._connect_s = connect_s
        self._idle: dict[str, list[tuple[float, UpstreamConnection]]] = {}
        self._addresses: dict[str, Address] = {}
        self._tls: ssl.SSLContext | None = None

    def take_idle(self, upstream: Upstream) -> UpstreamConnection | None:
        """A kept connection that is still open, None when there is none."""
        now = asyncio.get_running_loop().time()
        kept = self._idle.get(upstream.name, [])
        while kept:
            since, connection = kept.pop()
            if connection.open and now - since < IDLE_S:
                connection.reused = True
                return connection
            connection.abort()
        return None

    async def connect(self, upstream: Upstream) -> UpstreamConnection:
        """A new connection; UpstreamUnreachable when none is there in time."""
        address = self._address(upstream)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(upstream, self._keep),
                    address.host,
                    address.port,
                    ssl=self._context() if address.tls else None,
                )
        except TimeoutError as error:
            raise UpstreamUnreachable(
                "the upstream did not accept a connection"
            ) from error
        except (OSError, UnicodeError) as error:
            raise UpstreamUnreachable("the upstream cannot be reached") from error
        return connection

    def request_bytes(self, upstream: Upstream, call: Call) -> bytes:
        """The call as HTTP/1.1."""
        address = self._address(upstream)
        headers: Headers = (
            ("Host", address.host_header),
            *call.headers,
            *upstream.credentials,
            ("Accept-Encoding", "identity"),
            ("Content-Length", str(len(call.body))),
        )
        lines = [f"{call.method} {address.path}{call.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + call.body

    def close(self) -> None:
        """Close every idle connection."""
        for kept in self._idle.values():
            for _, connection in kept:
                connection.abort()
        self._idle.clear()

    def _keep(self, connection: UpstreamConnection) -> None:
        if not connection.open:
            return
        kept = self._idle.setdefault(connection.upstream.name, [])
        kept.append((asyncio.get_running_loop().time(), connection))
        if len(kept) > MAX_IDLE:
            kept.pop(0)[1].abort()

    def _address(self, upstream: Upstream) -> Address:
        address = self._addresses.get(upstream.name)
        if address is None:
            address = self._addresses[upstream.name] = Address.of(upstream)
        return address

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls
