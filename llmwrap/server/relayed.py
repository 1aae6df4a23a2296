"""The client's side of a relayed answer, written straight to the transport.

uvicorn's `RequestResponseCycle` keeps the state of one request; its `send` is passed by, because
it costs a step of the loop for each message (uvicorn 0.54).
"""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from llmwrap.relay import Relay
from llmwrap.server.outbox import Outbox
from llmwrap.server.protocol import ClientProtocol


class RelayedAnswer:
    """Writes one relayed answer to its client; `headers` are what Flask adds to the relay's."""

    def __init__(
        self,
        protocol: ClientProtocol,
        cycle: RequestResponseCycle,
        headers: list[tuple[bytes, bytes]],
        outbox: Outbox,
    ) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._headers = headers
        self._outbox = outbox
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
        self._outbox.write(self._protocol.transport, head + data if head else data)

    def finish(self, data: bytes) -> None:
        """Write the last bytes, and let the connection take its next request."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        head, self._head = self._head, b""
        if self._chunked:
            data = (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n"
        self._outbox.flush()
        self._protocol.transport.write(head + data)
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._protocol.transport.close()
        cycle.on_response()
