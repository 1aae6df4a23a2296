"""Passwords: the bounded, cached check of one, and HTTP Basic (RFC 7617) on it."""

import hmac
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from cachetools import TTLCache
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash

from llmwrap.auth.credentials import Credential, refusal
from llmwrap.auth.principal import Principal
from llmwrap.auth.users import PredefinedUsers, UserRecord
from llmwrap.errors import RateLimited

MAX_PASSWORD_BYTES = 1024
MAX_HASHES_AT_ONCE = 2
MAX_WAIT_S = 0.25
CACHE_TTL_S = 60
CACHE_SIZE = 4096
DEFAULT_METHOD = "scrypt:32768:8:1"
"""What `generate_password_hash` of Werkzeug 3.1 uses: 32 MiB a hash."""


def decoy_hash(stored: Iterable[str]) -> str:
    """Make a hash of no password, as costly to check as most of `stored`."""
    methods = Counter(value.partition("$")[0] for value in stored)
    method = methods.most_common(1)[0][0] if methods else DEFAULT_METHOD
    return f"{method}$decoy$0"


class PasswordChecker:
    """Checks passwords with bounded work, the same for unknown users as for known ones.

    A good credential is remembered for 60 s under an HMAC of all of it and of the
    stored hash, keyed per process: no password stays in memory, and a changed record is
    a miss. Failures are never remembered. Safe to share; the lock guards the cache.
    """

    def __init__(
        self,
        decoy: str,
        *,
        check: Callable[[str, str], bool] = check_password_hash,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decoy = decoy
        self._check = check
        self._slots = threading.BoundedSemaphore(MAX_HASHES_AT_ONCE)
        self._cache_key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._good: TTLCache[bytes, bool] = TTLCache(
            CACHE_SIZE, CACHE_TTL_S, timer=clock
        )

    def verify(self, user: UserRecord | None, password: str) -> bool:
        """Tell whether `password` is that of `user`; None is a user nobody knows.

        A password that is empty or over 1024 bytes is refused unhashed. Raises
        RateLimited when no hash could start within 250 ms.
        """
        if not 0 < len(password.encode()) <= MAX_PASSWORD_BYTES:
            return False
        if user is None:
            with self._slot():
                self._check(self._decoy, password)
            return False
        fingerprint = self._fingerprint(user, password)
        if self._remembers(fingerprint):
            return True
        with self._slot():
            # The same credential may have been checked while this request waited.
            good = self._remembers(fingerprint) or self._check(
                user.password_hash, password
            )
            if good:
                self._remember(fingerprint)
        return good

    def _fingerprint(self, user: UserRecord, password: str) -> bytes:
        # Only the password can hold a NUL, so no two credentials join to the same text.
        whole = "\0".join((user.id, user.password_hash, password))
        return hmac.digest(self._cache_key, whole.encode(), "sha256")

    def _remembers(self, fingerprint: bytes) -> bool:
        with self._lock:
            return fingerprint in self._good

    def _remember(self, fingerprint: bytes) -> None:
        with self._lock:
            self._good[fingerprint] = True

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=MAX_WAIT_S):
            raise RateLimited("too many password checks at once", retry_after_s=1)
        try:
            yield
        finally:
            self._slots.release()


def authenticate_basic(
    users: PredefinedUsers, passwords: PasswordChecker, credential: Credential
) -> Principal | None:
    """Identify a user by `Basic`; None for any other scheme."""
    if credential.scheme != "basic":
        return None
    username, password = _read_basic(credential.value)
    user = users.by_username(username)
    if not passwords.verify(user, password) or user is None:
        raise refusal("wrong username or password")
    return user.principal("basic")


def _read_basic(value: str) -> tuple[str, str]:
    # Werkzeug 3.1.9 raises a bare ValueError on non-ASCII text, and reads a value
    # without a colon as an empty password, which no check accepts.
    parsed = Authorization.from_header(f"Basic {value}") if value.isascii() else None
    if parsed is None:
        raise refusal(
            "malformed Basic credential: not base64 of UTF-8 'username:password'"
        )
    return parsed.parameters["username"] or "", parsed.parameters["password"] or ""
