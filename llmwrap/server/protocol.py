"""uvicorn's HTTP protocol with what it leaves open: limits and deadlines on heads, errors in
JSON, readers that stall, and relayed answers written straight to the transport.

uvicorn 0.54; `HttpToolsProtocol` and its `RequestResponseCycle` are subclassed and read here only.
"""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from llmwrap.relay import Relay
from llmwrap.server.driver import RelayRun

PROTOCOL = "llmwrap.protocol"
"""Where the front finds the connection in an ASGI scope."""

HEAD_S = 10.0
"""How long a head may take, from its first byte (or from the connection) on."""

STALL_S = 60.0
"""How long a client may read nothing before it counts as gone."""

MAX_LINE_BYTES = 8_190
MAX_HEADERS = 100
MAX_HEAD_BYTES = 65_536


class ClientProtocol(HttpToolsProtocol):
    """One client connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run: RelayRun | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._refusal = (400, "the request is no valid HTTP")

    # Heads: limits and a deadline.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self.parser is None:
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self.scope[PROTOCOL] = self  # type: ignore[literal-required]
        if self._head_timer is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_LINE_BYTES:
            self._refuse(414, f"the request line is over {MAX_LINE_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if len(self.headers) > MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, "the request has too many headers")

    def on_headers_complete(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self._head_late)

    def _head_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            if self.headers is None:
                self.transport.close()
                return
            self._refusal = (408, "the request took too long to arrive")
            self.send_400_response("")

    def _refuse(self, status: int, message: str) -> None:
        """Leave the parser; `send_400_response` answers."""
        self._refusal = (status, message)
        raise ValueError(message)

    def send_400_response(self, msg: str) -> None:
        """The answer to what never reaches Flask, in JSON; then the connection closes."""
        status, message = self._refusal
        error = {
            "message": message,
            "type": "invalid_request_error",
            "param": None,
            "code": {408: "request_timeout"}.get(status, "invalid_request"),
        }
        body = orjson.dumps({"error": error, "detail": message})
        self.transport.write(
            STATUS_LINE[status] + b"content-type: application/json\r\n"
            b"x-llmwrap-fault: caller\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n" % len(body) + body
        )
        self.transport.close()

    # The relay that runs on this connection.

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._stall_timer):
            if timer:
                timer.cancel()
        super().connection_lost(exc)
        if self.run:
            self.run.client_gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.run:
            self.run.pause()
        self._stall_timer = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer:
            self._stall_timer.cancel()
            self._stall_timer = None
        if self.run:
            self.run.resume()


class RelayedAnswer:
    """Writes one relayed answer to its client; `headers` are what Flask adds to the relay's."""

    def __init__(
        self,
        protocol: ClientProtocol,
        cycle: RequestResponseCycle,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._headers = headers
        self._head = b""
        self._chunked = False

    def start(self, relay: Relay) -> None:
        """Make the head; it is written together with the first bytes."""
        assert relay.head
        cycle = self._cycle
        cycle.response_started = True
        told = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in relay.head.headers
        ]
        names = {name for name, _ in told}
        added = [pair for pair in self._headers if pair[0] not in names]
        lines = [STATUS_LINE[relay.head.status]]
        for name, value in (*cycle.default_headers, *told, *added):
            lines.append(b"%b: %b\r\n" % (name, value))
        if relay.head.streamed:
            self._chunked = cycle.scope["http_version"] == "1.1"
            if self._chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
            else:
                cycle.keep_alive = False
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        self._head = b"".join([*lines, b"\r\n"])

    def give(self, data: bytes) -> None:
        """Write `data` (not empty), the head before it if it has not left."""
        if self._cycle.disconnected:
            return
        head, self._head = self._head, b""
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._protocol.transport.write(head + data if head else data)

    def finish(self, data: bytes) -> None:
        """Write the last bytes, and let the connection take its next request."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        head, self._head = self._head, b""
        if self._chunked:
            data = (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n"
        self._protocol.transport.write(head + data)
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._protocol.transport.close()
        cycle.on_response()
