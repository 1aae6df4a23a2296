"""Where limits are counted in tests: in this process, and in a Redis of the machine."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis
from limits.storage import RedisStorage

from llmwrap.auth.circuit import Circuit
from llmwrap.auth.counters import MemoryCounters, Slot
from llmwrap.auth.quotas import Quotas
from llmwrap.auth.redis_counters import RedisCounters
from llmwrap.settings.values import Limits, Server, Settings

VARIABLE = "LLMWRAP_TEST_REDIS_URL"


def redis_url() -> str:
    """The URL of a Redis server; without one the test is skipped, in CI it fails."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        missing = f"{VARIABLE} is not set: nothing is counted in Redis"
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(missing)
    return url


@contextmanager
def redis_prefix() -> Iterator[str]:
    """A prefix for names in Redis, which are deleted at the end."""
    prefix = f"llmwrap-test-{secrets.token_hex(6)}"
    with redis.from_url(redis_url()) as client:
        try:
            yield prefix
        finally:
            for name in client.scan_iter(f"{prefix}*", count=1000):
                client.delete(name)


class Memory:
    """Counters in this process, under the clock of a test."""

    passed_s = 60.0

    def __init__(self, clock) -> None:
        self.counters = MemoryCounters(clock=clock)
        self._clock = clock

    def end(self, key: str) -> None:
        """Bring a window of a minute to its end, `passed_s` later."""
        self._clock.now += 60


class Shared:
    """Counters in Redis, under its own clock."""

    passed_s = 0.0

    def __init__(self, prefix: str) -> None:
        storage = RedisStorage(redis_url(), key_prefix=prefix)
        self.counters = RedisCounters(storage)
        self._client = storage.get_connection()
        self._prefix = prefix

    def end(self, key: str) -> None:
        """Bring a window to its end before its time."""
        assert self._client.delete(f"{self._prefix}:{key}") == 1

    def spoil(self, key: str) -> None:
        """Make a count something that cannot be counted on."""
        self._client.set(f"{self._prefix}:{key}", "spoilt")

    def die(self, slot: Slot) -> None:
        """Let the time of a slot pass whose holder is no more."""
        name = f"{self._prefix}:{slot.key}"
        assert self._client.zadd(name, {slot.holder: 1}, xx=True, ch=True) == 1


def quotas_for(limits: Limits, clock, *, workers: int = 1) -> Quotas:
    """Quotas counted in this process, under the clock of a test."""
    counters = MemoryCounters(clock=clock)
    settings = Settings(limits=limits, server=Server(workers=workers))
    return Quotas(settings, counters, None, Circuit(counters.check))


class RedisProcess:
    """A Redis server of a test's own, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process = self._started()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """Start it again, on the same port and with nothing in it."""
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        command = [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with redis.from_url(self.url) as client:
            for _ in range(200):
                with suppress(redis.ConnectionError):
                    if client.ping():
                        return process
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
        raise AssertionError("redis-server did not start")


@contextmanager
def redis_process(folder: Path) -> Iterator[RedisProcess]:
    """A Redis server that ends with the test; skipped where there is no binary."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    process = RedisProcess(folder)
    try:
        yield process
    finally:
        process.kill()
