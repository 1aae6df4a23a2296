"""When keys and guests were last used: noted in memory, written by `Upkeep`, seldom."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cachetools import TTLCache

from llmwrap.storage.api_keys import touch_keys
from llmwrap.storage.reach import Reach
from llmwrap.storage.users import touch_user

SELDOM_S = 60
MAX_NOTED = 4096


class LastUse:
    """Uses of this worker, each key and user at most once a minute.

    Safe to share, the lock guards the notes; `clock` gives Unix seconds.
    """

    def __init__(self, reach: Reach, clock: Callable[[], float] = time.time) -> None:
        self._reach = reach
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: TTLCache[str, bool] = TTLCache(MAX_NOTED, SELDOM_S, timer=clock)
        self._keys: dict[str, datetime] = {}
        self._users: dict[str, datetime] = {}

    def note_key(self, id: str) -> None:
        """A key was used now."""
        with self._lock:
            if self._is_news(id):
                self._keys[id] = self._now()

    def note_user(self, id: str) -> None:
        """An account was used now."""
        with self._lock:
            if self._is_news(id):
                self._users[id] = self._now()

    def flush(self) -> None:
        """Write what was noted; StorageUnavailable loses it, which the next use mends."""
        with self._lock:
            keys, self._keys = self._keys, {}
            users, self._users = self._users, {}
        if not keys and not users:
            return
        with self._reach.writing() as session:
            touch_keys(session, keys)
            for user, now in users.items():
                touch_user(session, user, now)

    def _is_news(self, id: str) -> bool:
        if id in self._recent or len(self._keys) + len(self._users) >= MAX_NOTED:
            return False
        self._recent[id] = True
        return True

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
