"""One thread of a worker for what must be done beside requests: news, notes, cleaning."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from llmwrap.auth.authenticators import CredentialSources
from llmwrap.errors import StorageUnavailable
from llmwrap.storage.tokens import purge_tokens
from llmwrap.storage.users import purge_guests

log = logging.getLogger(__name__)

ROUND_S = 2.0
"""Between two looks, give or take a quarter: what is revoked anywhere is known in 5 s."""

CLEANING_S = 3600.0
GUESTS_KEPT = timedelta(days=30)
"""How long a guest may stay away."""


class Upkeep:
    """Looks every two seconds, and at once when the database stops to answer.

    `settle` is done first and needs no database: what the limits still have to be told.
    """

    def __init__(
        self,
        sources: CredentialSources,
        settle: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        round_s: float = ROUND_S,
    ) -> None:
        self._accounts = accounts = sources.accounts
        flush = sources.trail.flush, sources.last_use.flush
        self._tasks = (settle, accounts.refresh, *flush, self._clean)
        self._clock = clock
        self._round_s = round_s
        # Not all workers at once, and none in its first minutes.
        self._clean_at = clock() + random.uniform(0.1, 1) * CLEANING_S  # noqa: S311
        self._wake = accounts.reach.trouble
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="accounts", daemon=True)

    def start(self) -> None:
        """Look from time to time from now on; after a fork, never before."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and write what was noted."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
            self.look()

    def look(self) -> None:
        """Do everything once; what fails is logged and done again next time."""
        for task in self._tasks:
            try:
                task()
            except StorageUnavailable:
                return  # it is in the log; the other tasks would fail as well
            except Exception:
                log.exception("upkeep_failed")

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(random.uniform(0.75, 1.25) * self._round_s)  # noqa: S311
            self._wake.clear()
            if not self._stopping:
                self.look()

    def _clean(self) -> None:
        if self._clock() < self._clean_at:
            return
        self._clean_at = self._clock() + CLEANING_S
        now = datetime.now(UTC)
        with self._accounts.reach.writing() as session:
            purge_tokens(session, now)
        with self._accounts.reach.writing() as session:
            purge_guests(session, now - GUESTS_KEPT)
