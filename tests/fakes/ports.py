"""Addresses where no server answers: connecting is refused, or never succeeds."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

MAX_WAITING = 16
HANDSHAKE_MS = 100
"""A handshake over loopback that takes longer than this is not taking place."""


@contextmanager
def refusing_url() -> Iterator[str]:
    """The URL of a port that is held but does not listen: every connect is refused."""
    with _bound() as sock:
        yield _url(sock)


@contextmanager
def never_accepting_url(host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a listener with a full backlog: connects hang (SYNs are dropped)."""
    with ExitStack() as stack:
        listener = stack.enter_context(_bound(host))
        listener.listen(0)
        for _ in range(MAX_WAITING):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
            if not _writable(waiting):
                break
        else:
            raise RuntimeError(f"{MAX_WAITING} connections did not fill the backlog")
        yield _url(listener)


def _bound(host: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket()
    sock.bind((host, 0))
    return sock


def _url(sock: socket.socket) -> str:
    return "http://{}:{}".format(*sock.getsockname())


def _writable(sock: socket.socket) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    return bool(poller.poll(HANDSHAKE_MS))
