"""An upstream for a thousand streams at once, each with a part every second.

The scripted one has a thread for each connection; this one has an event loop for all.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes import chunked, sse_head
from tests.server.stage import MODEL, PART

EVERY_S = 1.0
LISTED = b'{"object":"list","data":[{"id":"%b","object":"model"}]}' % MODEL.encode()
LIST = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(LISTED) + LISTED
)


@contextmanager
def slow_upstream() -> Iterator[str]:
    """The URL of a server that lists its model, and streams without end."""
    ready, ports = threading.Event(), []
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        async with server:
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET "):
            writer.write(LIST)
        writer.write(sse_head())
        while True:
            writer.write(chunked(PART))
            await writer.drain()
            await asyncio.sleep(EVERY_S)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the gateway has hung up
    finally:
        writer.transport.abort()
