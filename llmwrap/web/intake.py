"""What every request passes first: its record, its id, its body within the limit.

The body is read here, before anybody is asked who they are: a body that is too long is refused
first, and reading raw bytes is the only way that sees a chunked body to its end.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, request

from llmwrap.errors import InvalidRequest, RequestTooLarge
from llmwrap.exchange import Exchange
from llmwrap.gateway import Gateway
from llmwrap.handover import REFUSED
from llmwrap.web.sent import sent_request_id, sent_session, sent_traceparent

_BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def register_intake(app: Flask, gateway: Gateway) -> None:
    """Install the hooks; call it before the guard's, which needs the record."""

    @app.before_request
    def begin() -> None:
        gateway.start()
        g.exchange = _new_exchange(gateway, request.environ)
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


def _new_exchange(gateway: Gateway, environ: Mapping[str, Any]) -> Exchange:
    own = f"req_{secrets.token_hex(12)}"
    return Exchange(
        id=own,
        request_id=sent_request_id(environ) or own,
        method=environ["REQUEST_METHOD"],
        path=request.path,
        client_ip=environ.get("REMOTE_ADDR", ""),
        started=gateway.clock(),
        traceparent=sent_traceparent(environ),
        session=sent_session(environ),
    )


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
