"""The demo's HTTP/1.1 server on a loopback port; what it says is in `answers`."""

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Lock, Thread
from typing import Any

import orjson

from llmwrap.demo.answers import answer
from llmwrap.demo.fields import Json
from llmwrap.errors import GatewayError, InvalidRequest, RequestTooLarge

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
MAX_BODY_BYTES = 33_554_432
IDLE_S = 60


class DemoUpstream:
    """The demo upstream: listens from construction, serves from `start` to `close`.

    Whoever makes it closes it; it cannot be started again. Threads: one that accepts,
    and one for each of at most `max_connections` connections; a connection over that is
    closed unanswered.
    """

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._server = _Server(max_connections)
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """The base URL for OpenAI clients, with `/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        """Start serving; once is enough, more is harmless."""
        if self._thread is None:
            self._thread = Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.1},
                name="demo-upstream",
                daemon=True,
            )
            self._thread.start()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.cut_connections()


class _Server(ThreadingTCPServer):
    """A thread per connection; `_lock` guards the set of open connections."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._open) >= self._max_connections
            if not full:
                self._open.add(request)
        if full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a defect of ours; a client that went away is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("demo_upstream_failed")


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, writes its answer: one body, or SSE in chunked encoding."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        try:
            said = answer(self.command, self.path, self._read_body())
        except GatewayError as error:
            self._send_failure(error)
            return
        if isinstance(said, dict):
            self._send_json(200, said, ())
        else:
            self._send_events(said)

    def _read_body(self) -> bytes:
        """Read the whole body; where its end is not known, end the connection too."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not _is_count(length):
            self.close_connection = True
            raise InvalidRequest("the request needs a Content-Length")
        if int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise RequestTooLarge(
                f"the body has {length} bytes; accepted: up to {MAX_BODY_BYTES}"
            )
        return self.rfile.read(int(length))

    def _send_json(
        self, status: int, body: Json, headers: tuple[tuple[str, str], ...]
    ) -> None:
        data = orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _send_failure(self, error: GatewayError) -> None:
        said = {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
        self._send_json(error.status, {"error": said}, error.answer_headers())

    def _send_events(self, chunks: Iterator[Json]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self._send_piece(b"data: %b\n\n" % orjson.dumps(chunk))
        self._send_piece(b"data: [DONE]\n\n")
        self._send_piece(b"")

    def _send_piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answer what `http.server` itself refuses: a bad head, another method."""
        error = InvalidRequest(message or "the request is not understood")
        error.status = code
        self.close_connection = True
        self._send_failure(error)

    def version_string(self) -> str:
        """Name the product only."""
        return "llmwrap-demo"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the gateway's own access log has the request."""


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
