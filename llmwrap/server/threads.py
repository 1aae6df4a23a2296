"""The plain threads on which Flask and the sinks run; the event loop never waits for them."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger(__name__)

Job = Callable[[], None]


class Threads:
    """A fixed number of threads and one queue. Who submits bounds how much is in it."""

    def __init__(self, count: int) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"flask-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Start the threads; after a fork, never before."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Run `job` soon, on one of the threads; it must not raise."""
        self._jobs.put(job)

    def stop(self, timeout_s: float) -> None:
        """Finish what is queued, then end; waits at most `timeout_s` for each thread."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self) -> None:
        while job := self._jobs.get():
            try:
                job()
            except Exception:
                log.exception("job_failed")
