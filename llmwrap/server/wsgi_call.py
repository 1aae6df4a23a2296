"""One call of the WSGI application on a thread: an ASGI scope and a body in, an answer out.

The view may answer with a relay instead of bytes; it is found in the environ under RELAY.
"""

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llmwrap.handover import BODY, RELAY, RELAY_WANTED
from llmwrap.relay import Relay

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
Scope = dict[str, Any]
AnswerHeaders = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered. `close` runs its after-work and belongs on a thread.

    With a `relay` the status and body come from that, `headers` are added to them.
    """

    status: int
    headers: AnswerHeaders
    body: bytes
    relay: Relay | None
    close: Callable[[], None]


def call_wsgi(app: WsgiApp, environ: dict[str, Any]) -> Answer:
    """Run `app` to its end (a relay is handed over, not run); raises what `app` raises."""
    told: list[tuple[str, AnswerHeaders]] = []

    def start_response(status: str, headers: Any, _exc_info: Any = None) -> None:
        told.append((status, headers))

    chunks = app(environ, start_response)
    close: Callable[[], None] = getattr(chunks, "close", _nothing)
    relay: Relay | None = environ.get(RELAY)
    body = b"" if relay else b"".join(chunks)
    environ.clear()  # it holds the body, and werkzeug's request, which holds it
    status, headers = told[-1]
    return Answer(int(status[:3]), headers, body, relay, close)


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """The WSGI environ (PEP 3333) of an HTTP scope; a header with an underscore is dropped."""
    host, port = scope["server"] or ("", None)
    client = scope["client"] or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        RELAY_WANTED: True,
        BODY: body,
    }
    for name, value in scope["headers"]:
        _add_header(environ, name.decode("latin-1"), value.decode("latin-1"))
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _add_header(environ: dict[str, Any], name: str, value: str) -> None:
    if "_" in name:
        return
    key = name.upper().replace("-", "_")
    if key == "CONTENT_TYPE":
        environ[key] = value
    elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
        key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value


def _nothing() -> None:
    """For an application whose iterable has no close."""
