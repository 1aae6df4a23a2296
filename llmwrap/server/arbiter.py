"""gunicorn's arbiter, which goes on managing while a reload's old workers finish.

gunicorn 27.0 waits in `reload` for the old workers, up to `graceful_timeout`, and does nothing
else meanwhile: it keeps no crashed worker's place, and hears no signal. It also tells the old
workers to stop before the new ones serve.
"""

import math
import signal
import time
from typing import Any

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

REPLACING_POLL_S = 0.1
"""How often a reload looks whether its new workers serve; gunicorn looks once a second."""

OLD = math.inf
"""The `age` of a worker from before the last reload: gunicorn's wait is for those that are older
than the new ones, and so for nobody."""


class PatientArbiter(Arbiter):  # type: ignore[misc]
    """Each worker is told once to stop (`alive` is False then), and managed until it has ended.

    Old workers serve until as many new ones do. What has to finish its answers counts for
    nothing: there are as many of them as reloads within the last `graceful_timeout`.
    """

    def reload(self) -> None:
        """Start the new workers; `manage_workers` ends the old ones."""
        for worker in self.WORKERS.values():
            worker.age = OLD
        super().reload()

    def manage_workers(self) -> None:
        """Start and stop workers, so that `num_workers` of the newest settings serve."""
        staying = [worker for worker in self.WORKERS.values() if worker.alive]
        new = [worker for worker in staying if worker.age != OLD]
        old = sorted((each for each in staying if each.age == OLD), key=_serves)
        for _ in range(self.num_workers - len(new)):
            self.spawn_worker()
        serving = sum(map(_serves, new))
        surplus = new[: max(0, len(new) - self.num_workers)]
        surplus += old[: max(0, len(old) + serving - self.num_workers)]
        for worker in surplus:
            worker.alive = False
            self.kill_worker(worker.pid, signal.SIGTERM)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """The signals that came; shortly, while old workers wait for the new ones."""
        replacing = any(
            worker.alive and worker.age == OLD for worker in self.WORKERS.values()
        )
        signals: list[int] = super().wait_for_signals(
            REPLACING_POLL_S if replacing else timeout
        )
        return signals


def be_patient(arbiter: Arbiter) -> None:
    """Make gunicorn's arbiter a patient one, before its first worker; there is no setting."""
    arbiter.__class__ = PatientArbiter


def _serves(worker: Any) -> bool:
    """Whether it has told that it lives: its file bears the monotonic time then, not the date."""
    told: float = worker.tmp.last_update()
    return told <= time.monotonic()
