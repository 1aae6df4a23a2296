"""What every request passes first: its record, its id, its body within the limit.

The body is read here, before anybody is asked who they are: a body that is too long is refused
first, and reading raw bytes is the only way that sees a chunked body to its end.
"""

import re
import secrets

from flask import Flask, Response, g, request

from llmwrap.errors import InvalidRequest, RequestTooLarge
from llmwrap.exchange import Exchange
from llmwrap.gateway import Gateway
from llmwrap.handover import REFUSED

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_SESSION_HEADERS = ("X-Session-Id", "x-llmwrap-session-id", "X-OpenWebUI-Chat-Id")
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def register_intake(app: Flask, gateway: Gateway) -> None:
    """Install the hooks; call it before the guard's, which needs the record."""

    @app.before_request
    def begin() -> None:
        gateway.start()
        g.exchange = _new_exchange(gateway)
        g.body = b""
        if request.routing_exception is not None:
            return
        if refused := request.environ.get(REFUSED):
            raise refused
        if request.method in _BODY_METHODS:
            g.body = _read_body(gateway.settings.server.max_body_bytes)

    @app.after_request
    def end(response: Response) -> Response:
        exchange: Exchange = g.exchange
        response.headers["x-request-id"] = exchange.request_id
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        exchange.status = response.status_code
        response.call_on_close(lambda: gateway.finish(exchange))
        return response


def _new_exchange(gateway: Gateway) -> Exchange:
    own = f"req_{secrets.token_hex(12)}"
    return Exchange(
        id=own,
        request_id=_sent_id() or own,
        method=request.method,
        path=request.path,
        client_ip=request.remote_addr or "",
        started=gateway.clock(),
        traceparent=_sent_traceparent(),
        session=_sent_session(),
    )


def _sent_id() -> str:
    """The caller's own request id where it is well formed, for its logs; never used as unique."""
    for name in ("X-Request-Id", "X-Client-Request-Id"):
        sent = request.headers.get(name, "")
        if _REQUEST_ID.fullmatch(sent):
            return sent
    return ""


def _sent_session() -> str:
    """What the caller calls its conversation; only its hash is used."""
    for name in _SESSION_HEADERS:
        if sent := request.headers.get(name, ""):
            return sent[:256]
    return ""


def _sent_traceparent() -> str:
    """The caller's W3C trace context, where it is well formed."""
    sent = request.headers.get("traceparent", "")
    return sent if _TRACEPARENT.fullmatch(sent) else ""


def _read_body(limit: int) -> bytes:
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(limit)
    try:
        body = request.stream.read(limit + 1)
    except Exception as error:
        raise _cut_off() from error
    if len(body) > limit:
        raise _too_large(limit)
    if length is not None and len(body) < length:
        raise _cut_off()
    return body


def _cut_off() -> InvalidRequest:
    return InvalidRequest("the body broke off, or its framing is not valid")


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"the body is over the limit of {limit} bytes",
        headers=(("Connection", "close"),),
    )
