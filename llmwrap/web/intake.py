"""What every request passes first: its record, its id, its body within the limit.

The body is read here, before anybody is asked who they are: a body that is too long is refused
first, and reading raw bytes is the only way that sees a chunked body to its end.
"""

import os
import time

from flask import Flask, Request, Response, g

from llmwrap.auth.guard import current
from llmwrap.errors import InvalidRequest, RequestTooLarge
from llmwrap.exchange import Exchange
from llmwrap.gateway import Gateway
from llmwrap.handover import BODY, REFUSED
from llmwrap.web.sent import sent_request_id, sent_session, sent_traceparent

_BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def register_intake(app: Flask, gateway: Gateway) -> None:
    """Install the hooks; call it before the guard's, which needs the record."""

    @app.before_request
    def begin() -> None:
        gateway.start()
        asked, facts = current()
        facts.exchange = _new_exchange(gateway, asked)
        facts.body = b""
        if asked.routing_exception is not None:
            return
        if refused := asked.environ.get(REFUSED):
            raise refused
        if asked.method in _BODY_METHODS:
            whole: bytes | None = asked.environ.get(BODY)
            limit = gateway.settings.server.max_body_bytes
            facts.body = _read_body(asked, limit) if whole is None else whole

    @app.after_request
    def end(response: Response) -> Response:
        exchange: Exchange = g.exchange
        headers = response.headers
        headers.add("x-request-id", exchange.request_id)
        headers.add("X-Content-Type-Options", "nosniff")
        headers.setdefault("Cache-Control", "no-store")
        exchange.status = response.status_code
        response.call_on_close(lambda: gateway.finish(exchange))
        return response


def _new_exchange(gateway: Gateway, asked: Request) -> Exchange:
    environ = asked.environ
    own = f"req_{os.urandom(12).hex()}"
    return Exchange(
        id=own,
        request_id=sent_request_id(environ) or own,
        method=environ["REQUEST_METHOD"],
        path=asked.path,
        client_ip=environ.get("REMOTE_ADDR", ""),
        started=gateway.clock(),
        began=time.time(),
        traceparent=sent_traceparent(environ),
        session=sent_session(environ),
    )


def _read_body(asked: Request, limit: int) -> bytes:
    length = asked.content_length
    if length is not None and length > limit:
        raise _too_large(limit)
    try:
        body = asked.stream.read(limit + 1)
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
