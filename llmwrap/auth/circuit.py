"""A store that may be gone: nobody waits for it twice, and it is taken back when it answers.

While it is gone a thread asks it every second; requests do not.
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)

PROBE_S = 1.0

Result = TypeVar("Result")


class StoreGone(Exception):
    """The store did not answer, now or a moment ago."""


class Circuit:
    """Calls to one store; safe to share, the lock guards the change of state.

    `probe` makes a call that fails as long as the store is of no use. `troubles` are the
    errors that mean so, besides OSError: this module loads no client of any store.
    """

    def __init__(
        self,
        probe: Callable[[], object],
        troubles: tuple[type[Exception], ...] = (),
        *,
        probe_every_s: float = PROBE_S,
    ) -> None:
        self._probe = probe
        self._troubles: tuple[type[Exception], ...] = (OSError, *troubles)
        self._every_s = probe_every_s
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether the store is given up for now."""
        return self._gone

    def call(self, work: Callable[[], Result]) -> Result:
        """What `work` returns; StoreGone when it fails, and at once while the store is gone."""
        if self._gone:
            raise StoreGone
        try:
            return work()
        except self._troubles as error:
            self._give_up(error)
            raise StoreGone from error

    def stop(self) -> None:
        """End the thread, if there is one."""
        self._stopped.set()

    def _give_up(self, error: Exception) -> None:
        with self._lock:
            if self._gone or self._stopped.is_set():
                return
            self._gone = True
        try:
            threading.Thread(target=self._watch, name="limits", daemon=True).start()
        except RuntimeError:  # no thread to be had: the next request asks the store
            self._gone = False
            return
        log.warning("limits_degraded", extra={"error": type(error).__name__})

    def _watch(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._probe()
            except self._troubles:
                continue
            self._gone = False
            log.info("limits_restored")
            return
