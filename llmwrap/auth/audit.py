"""The trail of who did what to accounts, keys and sessions: best effort, never in the way.

Notes wait in memory for the next round of `Upkeep`; what the database does not take, or what is
too much at once, is counted in the log and forgotten.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass, field

from llmwrap.storage.audit import record
from llmwrap.storage.reach import Reach

log = logging.getLogger(__name__)

MAX_WAITING = 1000
MAX_TEXT = 256


@dataclass(frozen=True, slots=True)
class Visit:
    """The request in which something was done."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One deed: `action` by the actor (an id, "" = unknown) on a resource."""

    action: str
    visit: Visit
    actor_id: str = ""
    actor_kind: str = ""
    resource_type: str = ""
    resource_id: str = ""
    outcome: str = "ok"


@dataclass(slots=True)
class Trail:
    """Notes on their way to the audit log; safe to share, the lock guards them."""

    reach: Reach
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: deque[Note] = field(default_factory=deque)
    _dropped: int = 0

    def note(self, note: Note) -> None:
        """Have `note` written soon."""
        with self._lock:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(note)
            else:
                self._dropped += 1

    def flush(self) -> None:
        """Write what waits; StorageUnavailable keeps it waiting."""
        with self._lock:
            notes = tuple(self._waiting)
            dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("audit_notes_dropped", extra={"count": dropped})
        if not notes:
            return
        with self.reach.writing() as session:
            for note in notes:
                record(
                    session,
                    action=note.action,
                    outcome=note.outcome,
                    actor_id=note.actor_id,
                    actor_kind=note.actor_kind,
                    resource_type=note.resource_type,
                    resource_id=note.resource_id,
                    ip=note.visit.ip,
                    user_agent=note.visit.user_agent[:MAX_TEXT],
                    request_id=note.visit.request_id,
                )
        with self._lock:
            for _ in notes:
                self._waiting.popleft()
