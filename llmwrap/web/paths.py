"""What a path says beside where it leads: spellings that mean the same, and a key. No redirects.

Clients join base URLs carelessly, and a redirect would lose their body or credentials.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from llmwrap.auth.credentials import PATH_KEY

_SLASHES = re.compile("/{2,}")
_KEY = re.compile(r"(/ollama)/key/([^/]+)(/.*)?", re.DOTALL)

_RAW_PATHS = frozenset({"RAW_URI", "REQUEST_URI"})
"""Where servers leave the target of a request as it was sent (gunicorn 26, Werkzeug 3)."""

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def one_spelling(app: WsgiApp) -> WsgiApp:
    """A WSGI application that sees each path in its plain spelling."""

    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if "//" in path or path.endswith("/"):
            environ["PATH_INFO"] = _SLASHES.sub("/", path).rstrip("/") or "/"
        return app(environ, start_response)

    return respond


def key_apart(app: WsgiApp) -> WsgiApp:
    """A WSGI application that sees `/ollama/key/KEY/x` as `/ollama/x` with a credential.

    It is for tools that can be told an address and nothing else. The key is taken out before
    anything reads the path, so that no log or error shows it; it needs the plain spelling.
    """

    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if found := _KEY.fullmatch(environ.get("PATH_INFO", "")):
            prefix, key, rest = found.groups(default="")
            environ["PATH_INFO"] = prefix + rest
            environ[PATH_KEY] = key
            for name in _RAW_PATHS & environ.keys():
                environ[name] = environ["PATH_INFO"]
        return app(environ, start_response)

    return respond
