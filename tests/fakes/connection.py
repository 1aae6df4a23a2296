"""One accepted connection as a script sees it: bytes in, bytes out, ends."""

import select
import socket
import struct
import threading
from typing import Literal

from tests.fakes.lifetime import Lifetime, Stopped

READ_BYTES = 65_536
MAX_REQUEST_BYTES = 64 * 1024 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER, on, 0 s: `close` drops the connection with RST instead of FIN."""

Ending = Literal["", "fin", "rst"]


class PeerGone(Exception):
    """The peer hung up where more of its request was due."""


class Connection:
    """A socket with a bound on every wait. Belongs to one thread, which closes it.

    `number` counts the connections of one fake from 1. `peer` says how the peer hung
    up, as far as a read or a failed write has shown; writes to a peer that is gone do
    nothing.
    """

    def __init__(self, sock: socket.socket, number: int, lifetime: Lifetime) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = number
        self.peer: Ending = ""
        self._sock = sock
        self._lifetime = lifetime
        self._unread = bytearray()

    @property
    def over(self) -> bool:
        """Closed by us or by the peer: no further request can come."""
        return self._sock.fileno() == -1 or self.peer != ""

    def send(self, data: bytes) -> None:
        """Write all of `data`. Raises TimeoutError when the peer does not read it."""
        deadline = self._lifetime.deadline()
        rest = memoryview(data)
        while rest and not self.peer:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                self._lifetime.wait_ready(self._sock, select.POLLOUT, deadline)
            except ConnectionError:
                self.peer = "rst"

    def wait(self, gate: threading.Event | threading.Barrier) -> None:
        """Hold until the test opens `gate`."""
        if isinstance(gate, threading.Barrier):
            self._lifetime.wait_barrier(gate)
        else:
            self._lifetime.wait_event(gate)

    def wait_for_hangup(self) -> None:
        """Hold until the peer's FIN or RST; what it still sends is kept for later."""
        deadline = self._lifetime.deadline()
        while not self.peer:
            self._receive(deadline)

    def close(self) -> None:
        """End with FIN (the kernel makes it RST while bytes of the peer lie unread)."""
        self._sock.close()

    def half_close(self) -> None:
        """Send FIN and keep reading."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:  # not connected any more
            self.peer = "rst"

    def reset(self) -> None:
        """End with RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._sock.close()

    def wait_for_request(self) -> bool:
        """Hold until a byte of the next request is there; False when none will come."""
        deadline = self._lifetime.deadline()
        try:
            while not self._unread and not self.peer:
                self._receive(deadline)
        except (Stopped, TimeoutError):
            return False
        return bool(self._unread)

    def read_until(self, end: bytes) -> bytes:
        """The bytes before the next `end`, which is taken too. Raises PeerGone."""
        deadline = self._lifetime.deadline()
        while (at := self._unread.find(end)) < 0:
            self._read_more(deadline)
        return self._take(at + len(end))[:at]

    def read_exactly(self, count: int) -> bytes:
        """The next `count` bytes. Raises PeerGone."""
        deadline = self._lifetime.deadline()
        while len(self._unread) < count:
            self._read_more(deadline)
        return self._take(count)

    def _read_more(self, deadline: float) -> None:
        if self.peer:
            raise PeerGone
        if len(self._unread) > MAX_REQUEST_BYTES:
            raise ValueError(f"a request of more than {MAX_REQUEST_BYTES} bytes")
        self._receive(deadline)

    def _receive(self, deadline: float) -> None:
        self._lifetime.wait_ready(self._sock, select.POLLIN, deadline)
        try:
            data = self._sock.recv(READ_BYTES)
        except ConnectionError:
            self.peer = "rst"
            return
        if not data:
            self.peer = "fin"
        self._unread += data

    def _take(self, count: int) -> bytes:
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken
