"""Row 30, many times: clients that leave take nothing with them.

A hundred thousand take some minutes; LLMWRAP_TEST_LEAVING_CLIENTS=100000 asks for them, the
usual run for fewer.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import pytest

from tests.faults.crowd import EndlessUpstream, crowd, together
from tests.faults.processes import descriptors, resident_bytes, threads, worker_of
from tests.faults.wire import BOUND_S
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of

A_ROUND, AT_ONCE = 10_000, 100
COUNT = int(os.environ.get("LLMWRAP_TEST_LEAVING_CLIENTS", "10000"))

SETTLING_BYTES = 12_000_000
"""What an allocator may still take after a round; over 80,000 clients it levelled off by that."""

POLL_S = 0.05

pytestmark = [pytest.mark.integration, pytest.mark.alone]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a worker holds."""

    descriptors: int
    threads: int
    resident_bytes: int

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        return cls(descriptors(pid), threads(pid), resident_bytes(pid))


@contextmanager
def busy_gateway() -> Iterator[tuple[Gateway, EndlessUpstream]]:
    """A gateway with a slot for each client that is there at the same moment, and a short queue."""
    with EndlessUpstream().serve() as upstream:
        settings = {
            "timeouts": {"queue_s": 2, "heartbeat_s": 60},
            "pools": [pool_of("tiny", upstream.url, max_in_flight=AT_ONCE)],
        }
        with serving(settings) as gateway:
            yield gateway, upstream


def settled(upstream: EndlessUpstream, pid: int) -> Footprint:
    """The footprint once nobody is connected to the upstream any more."""
    pause = Event()
    for _ in range(round(BOUND_S / POLL_S)):
        if upstream.open == 0:
            break
        pause.wait(POLL_S)
    assert upstream.open == 0
    pause.wait(POLL_S)
    return Footprint.of(pid)


def test_clients_that_leave_take_nothing_with_them() -> None:
    """On the relay worker: the other one would hold a thread for each."""
    with busy_gateway() as (gateway, upstream):
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        address, worker = (host, int(port)), worker_of(gateway)
        asyncio.run(crowd(address, "tiny", A_ROUND, AT_ONCE))
        before = settled(upstream, worker)
        for _ in range(0, COUNT, A_ROUND):
            asyncio.run(crowd(address, "tiny", A_ROUND, AT_ONCE))
        after = settled(upstream, worker)
        assert abs(after.descriptors - before.descriptors) <= 2
        assert abs(after.threads - before.threads) <= 2
        assert after.resident_bytes - before.resident_bytes < SETTLING_BYTES
        assert asyncio.run(together(address, "tiny", AT_ONCE)) == AT_ONCE
