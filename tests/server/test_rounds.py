"""What one round of the event loop gathers: writes to clients, and work for the threads."""

import asyncio
import logging
import threading

import pytest

from llmwrap.server.outbox import Outbox
from llmwrap.server.threads import AfterWork, Threads


class Transport(asyncio.WriteTransport):
    """Keeps what is written, with the name of whom it is for."""

    def __init__(self, name: str, written: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self.name, self.written, self.closing = name, written, False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written.append((self.name, data))

    def is_closing(self) -> bool:
        return self.closing


def test_each_client_is_written_to_once_when_the_loop_comes_round() -> None:
    written: list[tuple[str, bytes]] = []
    a, b = Transport("a", written), Transport("b", written)

    async def one_round() -> None:
        outbox = Outbox()
        outbox.write(a, b"1")
        outbox.write(b, b"2")
        outbox.write(a, b"3")
        assert written == []
        await asyncio.sleep(0)
        assert written == [("a", b"13"), ("b", b"2")]
        outbox.write(b, b"4")
        outbox.flush()
        assert written[-1] == ("b", b"4")
        await asyncio.sleep(0)
        assert len(written) == 3

    asyncio.run(one_round())


def test_nothing_is_written_to_a_client_that_left_meanwhile() -> None:
    written: list[tuple[str, bytes]] = []
    gone = Transport("gone", written)

    async def one_round() -> None:
        outbox = Outbox()
        outbox.write(gone, b"1")
        gone.closing = True
        await asyncio.sleep(0)

    asyncio.run(one_round())
    assert written == []


def test_after_work_of_a_round_runs_on_one_thread_and_survives_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    threads = Threads(4)
    threads.start()
    ran: list[tuple[int, str]] = []

    def job(number: int) -> None:
        ran.append((number, threading.current_thread().name))
        if number == 1:
            raise RuntimeError("boom")

    async def one_round() -> None:
        after_work = AfterWork(threads)
        for number in range(3):
            after_work.add(lambda number=number: job(number))  # type: ignore[misc]
        await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR, logger="llmwrap.server.threads"):
        asyncio.run(one_round())
        threads.stop(5)
    assert [number for number, _ in ran] == [0, 1, 2]
    assert len({name for _, name in ran}) == 1
    assert [record.message for record in caplog.records] == ["job_failed"]
