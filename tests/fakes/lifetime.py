"""The bound on all that a fake does: each wait ends by event, stop or deadline."""

import select
import socket
import threading
import time

EVENT_SLICE_S = 0.02
"""How late a wait for an event may notice the stop (an event cannot be polled)."""


class Stopped(Exception):
    """The fake is closing; a script ends here without complaint."""


class Lifetime:
    """One per fake, shared by its threads. Every wait takes at most `bound_s` seconds.

    The lock guards the stop flag and the list of barriers in use.
    """

    def __init__(self, bound_s: float) -> None:
        self.bound_s = bound_s
        self._stopping = threading.Event()
        self._waker, self._alarm = socket.socketpair()
        self._barriers: list[threading.Barrier] = []
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Wake every wait with `Stopped`; the barriers waited at are broken."""
        with self._lock:
            self._stopping.set()
            barriers = list(self._barriers)
        self._alarm.close()
        for barrier in barriers:
            barrier.abort()

    def release(self) -> None:
        """Close the last descriptor; after the stop, when no wait is left."""
        self._waker.close()

    def deadline(self) -> float:
        """The monotonic time when a wait that begins now has to end."""
        return time.monotonic() + self.bound_s

    def wait_ready(
        self, sock: socket.socket, mask: int, deadline: float | None
    ) -> None:
        """Return once `sock` is ready for `mask` (POLLIN, POLLOUT) or broken.

        A ready socket goes before a stop, so nothing that has arrived is lost. Without
        a deadline only the stop ends the wait. Raises Stopped and TimeoutError.
        """
        poller = select.poll()
        poller.register(sock, mask)
        poller.register(self._waker, select.POLLIN)
        timeout_ms = None if deadline is None else _milliseconds_until(deadline)
        ready = {descriptor for descriptor, _ in poller.poll(timeout_ms)}
        if sock.fileno() in ready:
            return
        if ready:
            raise Stopped
        raise TimeoutError(f"nothing happened on the socket for {self.bound_s} s")

    def wait_event(self, event: threading.Event) -> None:
        """Return once `event` is set. Raises Stopped and TimeoutError."""
        deadline = self.deadline()
        while not event.wait(EVENT_SLICE_S):
            if self._stopping.is_set():
                raise Stopped
            if time.monotonic() > deadline:
                raise TimeoutError(f"the event was not set within {self.bound_s} s")

    def wait_barrier(self, barrier: threading.Barrier) -> None:
        """Pass `barrier`. Raises Stopped, and TimeoutError when others do not come."""
        with self._lock:
            if self._stopping.is_set():
                raise Stopped
            self._barriers.append(barrier)
        try:
            barrier.wait(self.bound_s)
        except threading.BrokenBarrierError as error:
            if self._stopping.is_set():
                raise Stopped from error
            raise TimeoutError(
                f"the barrier was not passed within {self.bound_s} s"
            ) from error


def _milliseconds_until(deadline: float) -> int:
    return max(0, round((deadline - time.monotonic()) * 1000))
