"""The client's side of a relayed answer, written straight to the transport.

uvicorn's `RequestResponseCycle` keeps the state of one request; its `send` is passed by, because
it costs a step of the loop for each message (uvicorn 0.54).
"""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from llmwrap.relay import Relay
from llmwrap.server.bodies import Body
from llmwrap.server.outbox import Outbox
from llmwrap.server.protocol import ClientProtocol
from llmwrap.server.wsgi_call import AnswerHeaders


class RelayedAnswer:
    """Writes one relayed answer to its client.

    `headers` are what Flask adds to the relay's; the list is emptied when they have been made
    part of the head, for a stream may take long. Then `body`, the request's, is freed as well,
    but for a relay that may still have to ask once more.
    """

    def __init__(
        self,
        protocol: ClientProtocol,
        cycle: RequestResponseCycle,
        headers: AnswerHeaders,
        body: Body,
        outbox: Outbox,
    ) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._headers = headers
        self._body = body
        self._outbox = outbox
        self._head = b""
        self._chunked = False
        self._by_line = False

    def start(self, relay: Relay) -> None:
        """Make the head; it is written together with the first bytes."""
        assert relay.head
        if relay.exchange.transcript is None:
            self._body.free()
        cycle = self._cycle
        cycle.response_started = True
        told = [(name.lower(), value) for name, value in relay.head.headers]
        names = {name for name, _ in told}
        added = [(name.lower(), value) for name, value in self._headers]
        self._headers.clear()
        told += [pair for pair in added if pair[0] not in names]
        if relay.head.streamed:
            self._chunked = cycle.scope["http_version"] == "1.1"
            self._by_line = relay.head.by_line
            if self._chunked:
                told.append(("transfer-encoding", "chunked"))
            else:
                cycle.keep_alive = False
        if not cycle.keep_alive:
            told.append(("connection", "close"))
        fields = "".join([f"{name}: {value}\r\n" for name, value in told])
        date = [b"%b: %b\r\n" % pair for pair in cycle.default_headers]
        status = STATUS_LINE[relay.head.status]
        self._head = b"".join([status, *date, fields.encode("latin-1"), b"\r\n"])

    def give(self, data: bytes) -> None:
        """Write `data` (not empty), the head before it if it has not left."""
        if self._cycle.disconnected:
            return
        head, self._head = self._head, b""
        if self._chunked:
            data = self._in_chunks(data)
        self._outbox.write(self._protocol.transport, head + data if head else data)

    def finish(self, data: bytes) -> None:
        """Write the last bytes, and let the connection take its next request."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        head, self._head = self._head, b""
        if self._chunked:
            data = (self._in_chunks(data) if data else b"") + b"0\r\n\r\n"
        self._outbox.flush()
        self._protocol.transport.write(head + data)
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._protocol.transport.close()
        cycle.on_response()

    def _in_chunks(self, data: bytes) -> bytes:
        if not self._by_line:
            return b"%x\r\n%b\r\n" % (len(data), data)
        lines = data.splitlines(keepends=True)
        return b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in lines)
