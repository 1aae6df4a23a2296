"""uvicorn's HTTP protocol with what it leaves open: limits and deadlines on heads, doubtful
requests, errors in JSON, refusals in their turn, readers that stall.

uvicorn 0.54; its `HttpToolsProtocol` is subclassed here only.
"""

import asyncio
from types import SimpleNamespace
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from llmwrap.server.driver import RelayRun
from llmwrap.server.refusals import Refusal, answer_to, record_of
from llmwrap.server.request_heads import fault_of, framing_of

PROTOCOL = "llmwrap.protocol"
"""Where the front finds the connection in an ASGI scope."""

MAX_LINE_BYTES = 8_190
MAX_HEADERS = 100
MAX_HEAD_BYTES = 65_536

MAX_CHUNK_OVERHEAD = 8
"""Bytes that may come for one byte of a body: `1 CR LF x CR LF` are six."""


class ClientProtocol(HttpToolsProtocol):
    """One client connection."""

    HEAD_S: ClassVar[float] = 10.0
    """How long a head may take, from its first byte (or from the connection) on."""

    STALL_S: ClassVar[float] = 60.0
    """How long a client may read nothing before it counts as gone."""

    LAST_HEAD_S: ClassVar[float] = 1.0
    """How long a stopping server waits for the head that a connection owes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run: RelayRun | None = None
        self.answering: RequestResponseCycle | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._in_body = False
        self._in_head = False
        self._stopping = False
        self._field_bytes = 0
        self._message_bytes = 0
        self._body_bytes = 0
        self._refusal: Refusal | None = None
        self._refused_method = ""
        self._refused = False
        self._apart = b""
        self.url = b""

    # Requests: limits, and a deadline for their heads.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head(self.HEAD_S)

    def data_received(self, data: bytes) -> None:
        if self.parser is None:
            return
        self._in_head = not self._in_body
        message = self.scope
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        if self._in_head and self._head_timer is None and self.parser:
            self._expect_head(self.HEAD_S)  # hardly ever: heads come whole
        if self.scope is message:
            self._message_bytes += len(data)
            self._check_size()

    def _feed(self, data: bytes) -> None:
        """Give `data` to the parser; an upgrade that it tells of is declined.

        The request stands as it is (RFC 9110, section 7.8), but its parser takes what follows
        for the other protocol. So another one reads the body, with whose end the connection
        ends: that which came behind may be of the other protocol indeed.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.cycle.keep_alive = False
            head, self._apart = self._apart, b""
            if not head:
                self.parser = None  # type: ignore[assignment]
                return
            listener = SimpleNamespace(
                on_body=self.on_body, on_message_complete=self.on_message_complete
            )
            self.parser = httptools.HttpRequestParser(listener)
            self.parser.feed_data(head)
            self.parser.feed_data(data[upgrade.args[0] :])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._field_bytes = self._message_bytes = self._body_bytes = 0
        self.scope[PROTOCOL] = self  # type: ignore[literal-required]
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_LINE_BYTES:
            self._refuse(414, f"the request line is over {MAX_LINE_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return  # a trailer is no header
        super().on_header(name, value)
        self._field_bytes += len(name) + len(value)
        if len(self.headers) > MAX_HEADERS or self._field_bytes > MAX_HEAD_BYTES:
            self._refuse(431, "the request has too many headers")

    def on_headers_complete(self) -> None:
        self._end_head_timer()
        version = self.parser.get_http_version()
        if fault := fault_of(version, self.headers):
            self._refuse(*fault)
        if version == "1.0":
            self.expect_100_continue = False  # RFC 9110, section 10.1.1
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._apart = framing_of(self.headers)
        super().on_headers_complete()
        self._in_head = False
        self._in_body = True
        if self._stopping:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._apart:
            return  # of the head alone
        self._in_body = False
        if not self.parser.should_keep_alive():
            self.cycle.keep_alive = False  # llhttp heeds a trailer that says so
        super().on_message_complete()
        self.url = b""

    def shutdown(self) -> None:
        """The server stops: what has begun is answered, then the connection closes."""
        if self._head_timer is None or self._answer_due:
            super().shutdown()
            return
        # A client that has just connected cannot know, and must not lose its request.
        self._stopping = True
        self._end_head_timer()
        self._expect_head(self.LAST_HEAD_S)

    def _expect_head(self, timeout_s: float) -> None:
        self._head_timer = self.loop.call_later(timeout_s, self._head_late)

    def _end_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        if self.headers is None:
            self.transport.close()
            return
        self._refusal = Refusal(408, "the request took too long to arrive")
        self.send_400_response("")

    def _check_size(self) -> None:
        """Bound what the parser keeps: a field without end, in the head or in a trailer."""
        bound = MAX_HEAD_BYTES + MAX_CHUNK_OVERHEAD * self._body_bytes
        if self._message_bytes > bound and self.parser:
            status = 400 if self._in_body else 431
            text = f"a field of the request is over {bound} bytes"
            self._refusal = Refusal(status, text)
            self.send_400_response("")

    # Refusals, which never reach Flask.

    def _refuse(self, status: int, message: str) -> None:
        """Leave the parser; `send_400_response` answers."""
        self._refusal = Refusal(status, message)
        raise ValueError(message)

    def send_400_response(self, msg: str) -> None:
        """Refuse what came last, read no more, and close: after the answers that are due."""
        if self.url:
            method = self.parser.get_method().decode()
            self._refused_method = self.scope.get("method", method)
        self.parser = None  # type: ignore[assignment]
        self._end_head_timer()
        broken = self.cycle if self._in_body else None
        if broken and broken.response_started:
            self.transport.close()
        elif broken and broken is self.answering:
            self._write_refusal()
        else:
            if broken:
                self.pipeline.popleft()  # the newest stands there
            self._refused = True
            self._refuse_in_turn()

    def _refuse_in_turn(self) -> None:
        if self._refused and not self._answer_due:
            self._write_refusal()

    @property
    def _answer_due(self) -> bool:
        return self.answering is not None and not self.answering.response_complete

    def _write_refusal(self) -> None:
        if self.transport.is_closing():
            return
        client_ip = self.client[0] if self.client else ""
        refusal = self._refusal or Refusal(400, "the request is no valid HTTP")
        record = record_of(refusal, self._refused_method, self.url, client_ip)
        headers = self.server_state.default_headers
        self.transport.write(answer_to(record, headers))
        front: Any = self.config.app
        front.note(record)
        self._leave()
        self.transport.close()

    # The answer on this connection, and the relay that makes it.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._refuse_in_turn()

    def _leave(self) -> None:
        """Nobody reads the answer in progress any more; uvicorn tells only the newest cycle."""
        if self._answer_due and self.answering:
            self.answering.disconnected = True
            self.answering.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head_timer()
        if self._stall_timer:
            self._stall_timer.cancel()
        self._leave()
        super().connection_lost(exc)
        if self.run:
            self.run.client_gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.run:
            self.run.pause()
        self._stall_timer = self.loop.call_later(self.STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer:
            self._stall_timer.cancel()
            self._stall_timer = None
        if self.run:
            self.run.resume()
