"""An upstream that sends faster than it is read leaves the other connections their turn."""

import asyncio
from typing import Any

import pytest

from llmwrap.server.connection import UpstreamConnection

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MUCH = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
LITTLE = b"1\r\na\r\n"


class Transport(asyncio.Transport):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def write(self, data: Any) -> None:
        self.told.append("write")

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def abort(self) -> None:
        self.told.append("abort")


class Handler:
    """Takes an answer and does nothing with it."""

    def on_head(self, status: int, headers: dict[str, str]) -> None: ...

    def on_bytes(self, data: bytes) -> None: ...

    def on_end(self) -> None: ...

    def on_failed(self, error: Exception) -> None:
        raise error


def told(*events: bytes | str) -> list[str]:
    """What the transport is told while bytes come, or the reader says something."""

    async def script() -> list[str]:
        transport = Transport()
        connection = UpstreamConnection(None, lambda _: None)
        connection.connection_made(transport)
        connection.send(b"GET / HTTP/1.1\r\n\r\n", Handler())
        for event in (HEAD, *events):
            if isinstance(event, bytes):
                connection.data_received(event)
            elif event == "turn":
                await asyncio.sleep(0)
            else:
                getattr(connection, event)()
        return transport.told[1:]

    return asyncio.run(script())


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((LITTLE, "turn"), []),
        ((MUCH,), ["pause"]),
        ((MUCH, "turn"), ["pause", "resume"]),
        ((MUCH, "turn", MUCH, "turn"), ["pause", "resume"] * 2),
        ((MUCH, "pause", "turn"), ["pause", "pause"]),
        ((MUCH, "pause", "turn", "resume"), ["pause", "pause", "resume"]),
        ((MUCH, "abort", "turn"), ["pause", "abort"]),
    ],
)
def test_reading_goes_on_after_a_turn_of_the_loop(
    events: tuple[bytes | str, ...], said: list[str]
) -> None:
    assert told(*events) == said
