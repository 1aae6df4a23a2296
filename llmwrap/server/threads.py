"""The plain threads on which Flask, the sinks and lookups run; the event loop never waits."""

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger(__name__)

Job = Callable[[], None]


class Threads:
    """A fixed number of threads and one queue. Who submits bounds how much is in it."""

    def __init__(self, count: int, kind: str = "flask") -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{kind}-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Start the threads; after a fork, never before."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Run `job` soon, on one of the threads; what it raises is logged."""
        self._jobs.put(job)

    def stop(self, timeout_s: float) -> None:
        """Finish what is queued, then end; waits at most `timeout_s` for each thread."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self) -> None:
        while job := self._jobs.get():
            _run_safely(job)


class AfterWork:
    """Jobs of one event loop that may wait: those of one round run on one thread together.

    Waking a thread for each would cost as much as the jobs themselves.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._jobs: list[Job] = []

    def add(self, job: Job) -> None:
        """Run `job` on a thread, after the loop has come round."""
        if not self._jobs:
            asyncio.get_running_loop().call_soon(self._submit)
        self._jobs.append(job)

    def _submit(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._threads.submit(lambda: _run_each(jobs))


def _run_each(jobs: list[Job]) -> None:
    for job in jobs:
        _run_safely(job)


def _run_safely(job: Job) -> None:
    try:
        job()
    except Exception:
        log.exception("job_failed")
