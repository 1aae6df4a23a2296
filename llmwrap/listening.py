"""Whether an address can be listened on, asked before gunicorn lets go of what it has.

Nothing listens here: the socket that is tried is closed at once.
"""

import errno
import os
import socket
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATIENCE_S = 5.0
"""For a server that is just closing; gunicorn 27 tries as long."""

POLL_S = 0.1

UNIX = "unix:"


class AddressUnusable(Exception):
    """Nobody can listen there; the text has the address and the reason."""


def require_free(bind: str, *, patience_s: float = 0) -> None:
    """Make sure that `bind` (`host:port` or `unix:/path`) can be listened on.

    An address in use is asked for again until `patience_s` are over. Raises AddressUnusable.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            _try(bind)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                time.sleep(POLL_S)
                continue
            raise AddressUnusable(_words(bind, error)) from error
        return


def written(address: Any) -> str:
    """An address of a socket, or of gunicorn, as `bind` has it."""
    if isinstance(address, str):
        return f"{UNIX}{address}"
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def inherited(environ: Mapping[str, str]) -> bool:
    """Whether the sockets come from systemd, or from a gunicorn that this one succeeds."""
    return "GUNICORN_FD" in environ or environ.get("LISTEN_PID") == str(os.getpid())


def _try(bind: str) -> None:
    if bind.startswith(UNIX):
        _try_file(Path(bind.removeprefix(UNIX)))
        return
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((host, int(port)))


def _try_file(path: Path) -> None:
    """A socket that is there already is replaced by gunicorn, whoever made it."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        with socket.socket(socket.AF_UNIX) as tried:
            tried.bind(str(path))
        path.unlink()
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "it is no socket")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _words(bind: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{bind} is in use; set server.bind"
    why = error.strerror or error
    return f"{bind} cannot be listened on: {why}; set server.bind"
