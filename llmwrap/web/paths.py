"""Spellings of a path that mean the same: a trailing slash, doubled slashes. No redirects.

Clients join base URLs carelessly, and a redirect would lose their body or credentials.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

_SLASHES = re.compile("/{2,}")

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def one_spelling(app: WsgiApp) -> WsgiApp:
    """A WSGI application that sees each path in its plain spelling."""

    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if "//" in path or path.endswith("/"):
            environ["PATH_INFO"] = _SLASHES.sub("/", path).rstrip("/") or "/"
        return app(environ, start_response)

    return respond
