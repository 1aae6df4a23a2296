"""Slow clients and slow models hold nobody else up: no thread waits for them."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager

import pytest

from tests.fakes import FakeUpstream, chat_answer, wait
from tests.gateway import Gateway, read_answer
from tests.server.cases import get
from tests.server.running import Running, running
from tests.server.slow_upstream import slow_upstream
from tests.server.stage import CHAT, PART, body_of, posted, settings_for

THREADS = 4
CALLERS = 200

STREAMS = 1000
HALF_HEADS = 200
LINGERING = 20
PROBES = 200
AT_ONCE = 50
BOUND_S = 0.25
"""Loose: what a busy machine may add to what is told in the benchmarks."""


@pytest.fixture(scope="module")
def narrow(upstream: FakeUpstream) -> Iterator[Running]:
    """A server with few threads, and the deadlines of production."""
    settings = settings_for(upstream.url, threads=THREADS)
    with running(settings, arguments=()) as made:
        yield made


def test_four_threads_carry_two_hundred_requests_at_once(
    narrow: Running, upstream: FakeUpstream
) -> None:
    """No answer comes before all of them have reached the upstream."""
    upstream.chat([wait(threading.Barrier(CALLERS)), *chat_answer("Hello")])

    def ask(_number: int) -> int:
        return narrow.gateway.post(CHAT, body_of()).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        assert list(pool.map(ask, range(CALLERS))) == [200] * CALLERS


def test_half_heads_and_bodies_hold_no_thread(narrow: Running) -> None:
    """Ten times as many of each as there are threads; all still there at the end."""
    gateway = narrow.gateway
    with ExitStack() as stack:
        heads, bodies = (
            [stack.enter_context(gateway.raw()) for _ in range(THREADS * 10)]
            for _ in range(2)
        )
        for head, body in zip(heads, bodies, strict=True):
            head.sendall(b"GET /health HTTP/1.1\r\nHo")
            body.sendall(posted(body_of())[:-5])
        for _ in range(10):
            assert gateway.get("/health").status_code == 200
        for head in heads:
            head.sendall(b"st: gateway\r\n\r\n")
            assert read_answer(head, "GET").status == 200


@asynccontextmanager
async def opened(
    gateway: Gateway, data: bytes, count: int, until: bytes
) -> AsyncIterator[None]:
    """So many connections that have sent `data` and read up to `until`, and stay."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")

    async def open_one() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        if until:
            await reader.readuntil(until)
        return writer

    writers: list[asyncio.StreamWriter] = []
    try:
        for start in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - start)
            writers += await asyncio.gather(*(open_one() for _ in range(some)))
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


def probe(gateway: Gateway) -> float:
    """How long `/health` took on a connection of its own, in seconds."""
    started = time.perf_counter()
    assert gateway.get("/health").status_code == 200
    return time.perf_counter() - started


@pytest.mark.integration
@pytest.mark.alone
def test_health_is_prompt_beside_a_thousand_streams(
    record_property: Callable[[str, object], None],
) -> None:
    async def measure(gateway: Gateway) -> list[float]:
        stream = posted(body_of(stream=True))
        last = get(b"/health").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        async with (
            opened(gateway, stream, STREAMS, PART),
            opened(gateway, last, LINGERING, b'{"status":"ok"}'),
            opened(gateway, b"GET /health HTTP/1.1\r\nHo", HALF_HEADS, b""),
        ):
            return [await asyncio.to_thread(probe, gateway) for _ in range(PROBES)]

    with (
        slow_upstream() as url,
        running(settings_for(url), arguments=()) as server,
    ):
        times = sorted(asyncio.run(measure(server.gateway)))
    for share in (50, 99):
        record_property(
            f"p{share}_ms", round(times[PROBES * share // 100 - 1] * 1000, 1)
        )
    assert times[PROBES * 99 // 100 - 1] <= BOUND_S
