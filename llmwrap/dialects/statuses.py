"""What the status and the words of an upstream's error answer mean, whatever its dialect.

Not for those by which a server says that it is busy: each make has its own.
"""

import re
from typing import Any

import orjson

from llmwrap.dialects.upstream_json import read_odd
from llmwrap.errors import (
    GatewayError,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamMute,
    UpstreamPathMissing,
    UpstreamProtocolError,
    UpstreamRedirected,
    UpstreamRefusal,
    UpstreamSlow,
    UpstreamUnavailable,
)

_MAX_MESSAGE = 2000

_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,15}://\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
    re.IGNORECASE,
)


def shown(text: str) -> str:
    """What a client may see of an upstream's words: bounded, without addresses."""
    return _ADDRESS.sub("[address]", text[: 2 * _MAX_MESSAGE])[:_MAX_MESSAGE]


_NO_SUCH_PATH = re.compile(
    r"(404 )?(page |file )?not found|cannot post \S+", re.IGNORECASE
)
"""What routers say where nothing is: FastAPI, Gin and Go, llama.cpp (2026), Express. Model servers
that miss a model name it.
"""

_NO_WORDS = frozenset(
    {
        "",
        "bad request",
        "not found",
        "too many requests",
        "internal server error",
        "bad gateway",
        "service unavailable",
        "gateway timeout",
    }
)
"""What a server says that has nothing to say but its status (Starlette, Envoy; 2026)."""

_NOT_SHOWN = ("<", "{", "[", "Traceback ")
"""How bodies begin that are no words: pages, JSON that was cut, a debugging server's."""


def read_error_body(body: bytes) -> Any:
    """The JSON of an error answer, else the plain words in it, None where there are none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_odd_body(body)


def _read_odd_body(body: bytes) -> Any:
    try:
        return read_odd(body, "an error")
    except UpstreamProtocolError:
        pass
    try:
        text = " ".join(body.decode().split())
    except UnicodeDecodeError:
        return None
    if text.lower() in _NO_WORDS or text.startswith(_NOT_SHOWN):
        return None
    return text


_CODES = {413: "request_too_large", 501: "unsupported_parameter"}


def error_of_status(
    status: int, message: str, code: str = "", param: str | None = None
) -> GatewayError:
    """The error of an upstream that answered `status` and said `message` ("" for nothing).

    `code` and `param` are what it told besides of a request that it refused. 424 is the
    backend's failure behind TEI and TGI (2026), not the request's.
    """
    if status in (401, 403):
        return UpstreamAuthFailed("the upstream refused this gateway's own credential")
    if status in (408, 425):
        return UpstreamSlow(message or "the upstream timed out")
    if status == 404 and _NO_SUCH_PATH.fullmatch(message):
        return UpstreamPathMissing(
            "the upstream has nothing at the path of this operation: it does not offer it,"
            " or the upstream's url is not the one of its API (does it end in /v1?)"
        )
    if status == 404:
        told = message or "the upstream does not have the model"
        return UpstreamModelMissing(told, param="model")
    failed = f"the upstream failed with status {status}"
    if status in (502, 504) or 520 <= status < 525:
        return UpstreamUnavailable(message or failed)
    if status == 424 or (status >= 500 and status != 501):
        if message:
            return UpstreamError(message)
        return UpstreamMute(f"{failed}, without a word")
    if status >= 400:
        status = 400 if status == 422 else status
        code = code or _CODES.get(status, "invalid_value")
        told = message or f"the upstream refused the request with status {status}"
        return UpstreamRefusal(status, code, told, param=param)
    kind = UpstreamRedirected if status >= 300 else UpstreamProtocolError
    return kind(f"the upstream answered with status {status}")
