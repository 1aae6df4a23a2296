"""The server's worker as the kernel sees it: descriptors, threads, memory (Linux only)."""

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

from tests.gateway import Gateway


def worker_of(gateway: Gateway) -> int:
    """The process id of the only worker."""
    children = Path(f"/proc/{gateway.master}/task/{gateway.master}/children")
    (worker,) = map(int, children.read_text().split())
    return worker


def descriptors(pid: int) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - links may vanish meanwhile


def threads(pid: int) -> int:
    """How many threads it runs."""
    return _status(pid, "Threads")


def resident_bytes(pid: int) -> int:
    """How much memory it holds."""
    return _status(pid, "VmRSS") * 1024


@contextmanager
def few_descriptors(pid: int, spare: int) -> Iterator[None]:
    """It can open only `spare` more until this ends."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = set(map(int, os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208
    free = (number for number in count() if number not in used)
    limit = next(islice(free, spare, None))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def _status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\s+(\d+)", text, re.M)
    assert found
    return int(found[1])
