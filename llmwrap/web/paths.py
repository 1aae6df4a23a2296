"""What a path says beside where it leads: spellings that mean the same, and a key. No redirects.

Clients join base URLs carelessly, and a redirect would lose their body or credentials.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from llmwrap.auth.credentials import PATH_KEY

_SLASHES = re.compile("/{2,}")
_KEY = re.compile(r"(/ollama)/key/([^/]+)(/.*)?", re.DOTALL)

_SECRET = re.compile(
    r"(?<=/key/)[^/]+|(?<=/keys/)[^/]+"
    r"|sk_live_[0-9a-z]+|(?<![0-9a-z])rt_[0-9a-f]{16,}",
    re.IGNORECASE,
)
"""What may be a key at a place that is none for keys, or is one of ours by its form."""

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
    A key at another place leads nowhere, and is not shown either.
    """

    def respond(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if found := _KEY.fullmatch(environ.get("PATH_INFO", "")):
            prefix, key, rest = found.groups(default="")
            _lead_to(prefix + rest, environ)
            environ[PATH_KEY] = key
        path: str = environ.get("PATH_INFO", "")
        if _SECRET.search(path):
            _lead_to(_SECRET.sub("...", path), environ)
        return app(environ, start_response)

    return respond


def _lead_to(path: str, environ: dict[str, Any]) -> None:
    environ["PATH_INFO"] = path
    for name in _RAW_PATHS & environ.keys():
        environ[name] = path
