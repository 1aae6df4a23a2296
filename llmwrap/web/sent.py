"""What a caller tells beside its request, read from the WSGI environ: ids, sessions, traces.

Plain functions of the environ: Flask's `request` costs a look-up at each use.
"""

import re
from collections.abc import Mapping
from typing import Any

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_ID_HEADERS = ("HTTP_X_REQUEST_ID", "HTTP_X_CLIENT_REQUEST_ID")
_SESSION_HEADERS = (
    "HTTP_X_SESSION_ID",
    "HTTP_X_LLMWRAP_SESSION_ID",
    "HTTP_X_OPENWEBUI_CHAT_ID",
)
_MAX_SESSION = 256


def sent_request_id(environ: Mapping[str, Any]) -> str:
    """The caller's own request id where it is well formed, for its logs; never unique."""
    for name in _ID_HEADERS:
        sent = environ.get(name)
        if sent and _REQUEST_ID.fullmatch(sent):
            return str(sent)
    return ""


def sent_session(environ: Mapping[str, Any]) -> str:
    """What the caller calls its conversation."""
    for name in _SESSION_HEADERS:
        if sent := environ.get(name):
            return str(sent)[:_MAX_SESSION]
    return ""


def sent_traceparent(environ: Mapping[str, Any]) -> str:
    """The caller's W3C trace context, where it is well formed."""
    sent = environ.get("HTTP_TRACEPARENT")
    return str(sent) if sent and _TRACEPARENT.fullmatch(sent) else ""
