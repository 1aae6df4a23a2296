"""One connection to an upstream: an asyncio protocol that tells whoever asked of one answer.

It serves one request at a time. The end of an answer is exact: its length, its last chunk, or
the end of the connection where it has neither. Nothing is decompressed or followed.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import NoReturn, Protocol, cast

import httptools

from llmwrap.errors import (
    GatewayError,
    GatewayFault,
    UpstreamProtocolError,
)
from llmwrap.upstreams.client import broken, no_connection
from llmwrap.upstreams.upstream import Upstream

log = logging.getLogger(__name__)

TAIL_S = 1.0
"""How long the rest of an answer may take whose last event has been given to the client."""

FULL_READ_BYTES = 65_536
"""After so much at once it is the others' turn: libuv reads on, up to 32 times 256,000 bytes,
before it looks at any other connection (uvloop 0.23), and that is seconds of work."""

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 200
MAX_INTERIM = 5
"""1xx answers before the real one."""

_UNCHANGED = frozenset({"", "identity"})
"""Content codings that say that there is none."""


class Handler(Protocol):
    """Who asked; told of one answer, and nothing after `on_end` or `on_failed`."""

    def on_head(self, status: int, headers: dict[str, str]) -> None: ...

    def on_bytes(self, data: bytes) -> None: ...

    def on_end(self) -> None: ...

    def on_failed(self, error: GatewayError) -> None: ...


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
        self._lost_by: Exception | None = None
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
        if self._lost:  # between its making and now
            asyncio.get_running_loop().call_soon(self._tell_lost)
        elif self._transport:
            self._transport.write(request)

    @property
    def open(self) -> bool:
        """Whether it can take a request."""
        return bool(self._transport) and not self._lost and not self._busy

    @property
    def answered(self) -> bool:
        """Whether any byte of the current answer has come."""
        return self._head_bytes > 0

    @property
    def held_back(self) -> bool:
        """Whether an answer has begun that is not read now, because its reader is slow."""
        return self._paused and self._complete_head

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
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(self._error_of(error))
            return
        if not self._complete_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(UpstreamProtocolError("the upstream's answer has a giant head"))
        elif len(data) >= FULL_READ_BYTES and self._transport and not self._lost:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._transport and not self._lost and not self._paused:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._lost_by = exc
        self._tell_lost()

    def _tell_lost(self) -> None:
        handler, self._handler = self._handler, None
        if not self._busy or handler is None:
            return
        self._busy = False
        if self._until_close and self._lost_by is None:
            handler.on_end()
        elif self._refused:
            handler.on_failed(no_connection(self._lost_by))
        else:
            handler.on_failed(broken(begun=self._complete_head))

    @property
    def _refused(self) -> bool:
        """Whether TLS was refused: in version 1.3 the client hears of it after its handshake."""
        tls = isinstance(self._lost_by, ssl.SSLError)
        return tls and not self.reused and not self.answered

    # What the parser tells.

    def on_message_begin(self) -> None:
        if not self._busy:
            self._refuse("the upstream sent more than it was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        if self._header_count > MAX_HEADERS:
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
        if headers.get("content-encoding", "").strip().lower() not in _UNCHANGED:
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
        self._header_count = 0
        self._head_bytes = 0
        self._interim = 0
        self._complete_head = False
        self._until_close = False
        self._refusal = ""

    def _refuse(self, text: str) -> NoReturn:
        """Leave the parser: `httptools` wraps what its callbacks raise."""
        self._refusal = text
        raise ValueError(text)

    def _error_of(self, error: Exception) -> GatewayError:
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
