"""The answers on their way, so that who loses access loses them too.

It interrupts and decides nothing: `Standing` says who may not go on, a driver ends the answer.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llmwrap.auth.standing import Standing
from llmwrap.errors import GatewayError
from llmwrap.exchange import Exchange

Interrupt = Callable[[GatewayError], None]
"""Ends one answer; called from any thread, at most once, and it must not block."""


class Running:
    """The running answers of this worker; safe to share, the lock guards the table."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._lock = threading.Lock()
        self._answers: dict[int, tuple[Exchange, Interrupt]] = {}

    @contextmanager
    def watching(self, exchange: Exchange, interrupt: Interrupt) -> Iterator[None]:
        """Have `interrupt` called if the sender of `exchange` loses access meanwhile."""
        key = id(exchange)
        with self._lock:
            self._answers[key] = exchange, interrupt
        try:
            yield
        finally:
            with self._lock:
                self._answers.pop(key, None)

    def end_revoked(self) -> None:
        """Interrupt every answer whose sender may not go on."""
        with self._lock:
            answers = tuple(self._answers.items())
        for key, (exchange, interrupt) in answers:
            error = self._standing.objection(exchange)
            if error is None:
                continue
            with self._lock:
                still = self._answers.pop(key, None)
            if still:
                interrupt(error)
