"""A crowd of clients that leave, and the upstream they leave: thousands, in one event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from tests.fakes import chunked, sse_head
from tests.faults.wire import PART, request_bytes
from tests.web.surface import Body

ROUTE = "/api/v1/chat/completions"
FIRST_PART = sse_head() + chunked(PART)
BOUND_S = 60


class EndlessUpstream:
    """Answers each request with the beginning of a stream, and waits for the hang-up."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def serve(self) -> Iterator["EndlessUpstream"]:
        """Serve on a thread of its own, until this ends."""
        server = self._loop.run_until_complete(
            asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1024)
        )
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        thread = Thread(target=self._loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(server.close)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.open += 1
        try:
            while await reader.read(65_536):
                self.asked += 1
                writer.write(FIRST_PART)
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.transport.abort()


def body_of(model: str) -> Body:
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": model, "messages": messages, "stream": True}


async def leave(address: tuple[str, int], request: bytes, awaited: bytes) -> None:
    """Ask, and leave when `awaited` has come."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    if awaited:
        await reader.readuntil(awaited)
    writer.transport.abort()


async def crowd(address: tuple[str, int], model: str, count: int, at_once: int) -> None:
    """`count` clients, `at_once` at a time; every other one leaves before the first byte."""
    request = request_bytes(ROUTE, body_of(model))
    left = iter(range(count))

    async def one_after_another() -> None:
        for number in left:
            await leave(address, request, b"data: " if number % 2 else b"")

    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*(one_after_another() for _ in range(at_once)))


async def together(address: tuple[str, int], model: str, count: int) -> int:
    """How many of `count` streams that run at the same moment get a first event."""
    request = request_bytes(ROUTE, body_of(model))
    async with asyncio.timeout(BOUND_S):
        pairs = [await asyncio.open_connection(*address) for _ in range(count)]
        for _, writer in pairs:
            writer.write(request)
        heads = [await reader.readline() for reader, _ in pairs]
    for _, writer in pairs:
        writer.transport.abort()
    return sum(head.startswith(b"HTTP/1.1 200") for head in heads)
