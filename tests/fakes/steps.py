"""What a script is made of: a step is a function of the connection, run in order.

A test may write its own step. No step sleeps; it waits for the test or for the peer.
"""

import threading
from collections.abc import Callable

from tests.fakes.connection import Connection
from tests.fakes.lifetime import Stopped

Step = Callable[[Connection], None]


def send(data: bytes) -> Step:
    """Write `data`, as it is, in one go."""
    return lambda connection: connection.send(data)


def sliced(data: bytes, size: int) -> Step:
    """Write `data` in writes of `size` bytes, each its own packet (TCP_NODELAY).

    The kernel may still join them on the reader's side.
    """

    def step(connection: Connection) -> None:
        for start in range(0, len(data), size):
            connection.send(data[start : start + size])

    return step


def wait(gate: threading.Event | threading.Barrier) -> Step:
    """Hold until the test opens `gate`; one that stays shut is an error."""
    return lambda connection: connection.wait(gate)


def rst() -> Step:
    """Drop the connection with RST."""
    return lambda connection: connection.reset()


def close() -> Step:
    """Close the connection: FIN, or RST while bytes of the request lie unread."""
    return lambda connection: connection.close()


def half_close() -> Step:
    """Send FIN and go on with the script; the peer may still write, and hang up."""
    return lambda connection: connection.half_close()


def stall() -> Step:
    """Say nothing until the peer hangs up or the fake is closed."""
    return lambda connection: connection.wait_for_hangup()


def expect_hangup(seen: threading.Event) -> Step:
    """Hold until the peer closed the connection (FIN or RST), then set `seen`.

    A peer that still holds it when the fake is closed, or at the bound, fails the test.
    """

    def step(connection: Connection) -> None:
        try:
            connection.wait_for_hangup()
        except (Stopped, TimeoutError) as error:
            raise AssertionError("the peer did not close its connection") from error
        seen.set()

    return step
