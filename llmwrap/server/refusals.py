"""Requests that are refused before anybody reads them: the answer as bytes, and its record."""

import os
import re
import time

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from llmwrap.errors import InvalidRequest
from llmwrap.exchange import Exchange

_CODES = {408: "request_timeout"}

_PLAIN_PATH = re.compile(r"(?!.*/key/)/[/A-Za-z0-9._:-]*")
"""What is shown of a path that nobody has judged: none with a key, a password or half a letter."""


class Refusal(InvalidRequest):
    """No request that this server would read; `status` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = _CODES.get(status, "invalid_request")


def record_of(refusal: Refusal, method: str, url: bytes, client_ip: str) -> Exchange:
    """The record of a refused request, as far as it was read: "" for what was not."""
    own = f"req_{os.urandom(12).hex()}"
    path = _PLAIN_PATH.fullmatch(url.partition(b"?")[0].decode("latin-1"))
    exchange = Exchange(
        id=own,
        request_id=own,
        method=method,
        path=path[0] if path else "",
        client_ip=client_ip,
        started=time.monotonic(),
        began=time.time(),
        status=refusal.status,
    )
    exchange.fail(refusal, "refused")
    return exchange


def answer_to(exchange: Exchange, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """The whole answer, after which the connection is closed."""
    refusal = exchange.error
    assert refusal
    error = {
        "message": refusal.message,
        "type": refusal.type,
        "param": None,
        "code": refusal.code,
    }
    body = orjson.dumps({"error": error, "detail": refusal.message})
    headers = (
        *default_headers,
        (b"content-type", b"application/json"),
        (b"x-request-id", exchange.request_id.encode()),
        (b"x-llmwrap-fault", refusal.fault.encode()),
        (b"connection", b"close"),
        (b"content-length", b"%d" % len(body)),
    )
    fields = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    return STATUS_LINE[refusal.status] + fields + b"\r\n" + body
