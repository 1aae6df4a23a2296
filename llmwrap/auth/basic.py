"""Passwords: the bounded, cached check of one, and HTTP Basic (RFC 7617) on it."""

import hmac
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from cachetools import TTLCache
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash, generate_password_hash

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.credentials import Credential, refusal
from llmwrap.auth.principal import Principal
from llmwrap.auth.throttle import Attempt, LoginThrottle
from llmwrap.auth.turns import Turns
from llmwrap.auth.users import UserRecord

MAX_PASSWORD_BYTES = 1024
MIN_NEW_CHARS = 8
"""Of a new password of an account in the database."""

CACHE_TTL_S = 60
CACHE_SIZE = 4096
DEFAULT_METHOD = "scrypt:32768:8:1"
"""What `generate_password_hash` of Werkzeug 3.1 uses: 32 MiB a hash."""


def could_be_password(text: str) -> bool:
    """Whether anybody's password could be this; what cannot is refused unhashed."""
    return 0 < len(text.encode()) <= MAX_PASSWORD_BYTES


def decoy_hash(stored: Iterable[str]) -> str:
    """Make a hash of no password, as costly to check as most of `stored`."""
    methods = Counter(value.partition("$")[0] for value in stored)
    method = methods.most_common(1)[0][0] if methods else DEFAULT_METHOD
    return f"{method}$decoy$0"


class PasswordChecker:
    """Checks passwords with bounded work, the same for unknown users as for known ones.

    A good credential is remembered until it was not used for 60 s, under an HMAC of all of
    it and of the stored hash, keyed per process: no password stays in memory, a changed
    record is a miss, and who is busy never waits for a hash. Failures are never remembered.
    Safe to share; the lock guards the cache.
    """

    def __init__(
        self,
        decoy: str,
        *,
        throttle: LoginThrottle | None = None,
        check: Callable[[str, str], bool] = check_password_hash,
        make: Callable[[str, str], str] = generate_password_hash,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decoy = decoy
        self._throttle = throttle
        self._check = check
        self._make = make
        self._turns = Turns()
        self._cache_key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._good: TTLCache[bytes, bool] = TTLCache(
            CACHE_SIZE, CACHE_TTL_S, timer=clock
        )

    def verify(
        self, user: UserRecord | None, password: str, attempt: Attempt | None = None
    ) -> bool:
        """Tell whether `password` is that of `user`; None is a user nobody knows.

        A password that is empty or over 1024 bytes is refused unhashed; who has none costs
        the same as somebody unknown. An `attempt` to get in counts when it fails. Raises
        RateLimited after too many of those, and where `Turns` has no turn for it.
        """
        if not could_be_password(password):
            return False
        throttle = self._throttle if attempt else None
        if throttle and attempt:
            throttle.recall(*attempt)
        if user and self._remembers(user, password):
            return True
        if throttle and attempt:
            throttle.check(*attempt)
        with self._turns.turn(attempt.address if attempt else ""):
            # The same credential may have been checked while this request waited.
            if user and self._remembers(user, password):
                return True
            charge = throttle.begin(*attempt) if throttle and attempt else None
            good = self._hashes_to(user, password)
            if throttle and charge:
                (throttle.give_back if good else throttle.failed)(charge)
        return good

    def recall(self, attempt: Attempt) -> None:
        """RateLimited where this worker knows that `verify` would refuse; asks nobody."""
        if self._throttle:
            self._throttle.recall(*attempt)

    def check_place(self, address: str) -> None:
        """RateLimited where `verify` would refuse at once; call it before any work."""
        self._turns.check(address)

    def _hashes_to(self, user: UserRecord | None, password: str) -> bool:
        if user is None or not user.password_hash:
            self._check(self._decoy, password)
            return False
        good = self._check(user.password_hash, password)
        if good:
            with self._lock:
                self._good[self._fingerprint(user, password)] = True
        return good

    def hash(self, password: str, address: str) -> str:
        """The hash to store of a new password; RateLimited as for a check."""
        with self._turns.turn(address):
            return self._make(password, DEFAULT_METHOD)

    def _fingerprint(self, user: UserRecord, password: str) -> bytes:
        # Only the password can hold a NUL, so no two credentials join to the same text.
        whole = "\0".join((user.id, user.password_hash, password))
        return hmac.digest(self._cache_key, whole.encode(), "sha256")

    def _remembers(self, user: UserRecord, password: str) -> bool:
        fingerprint = self._fingerprint(user, password)
        with self._lock:
            good = fingerprint in self._good
            if good:
                self._good[fingerprint] = True  # for another 60 s
            return good


def authenticate_basic(
    accounts: Accounts, passwords: PasswordChecker, credential: Credential
) -> Principal | None:
    """Identify a user by `Basic`; None for any other scheme."""
    if credential.scheme != "basic":
        return None
    username, password = read_basic(credential.value)
    attempt = Attempt(username, credential.address)
    # Before the database is asked, as `sign_in` does; but nobody else is, for every request
    # of who is known comes this way.
    passwords.recall(attempt)
    user = accounts.by_username(username) if could_be_password(password) else None
    if not passwords.verify(user, password, attempt) or user is None:
        raise refusal("wrong username or password")
    return accounts.limited(user.principal("basic"))


def read_basic(value: str) -> tuple[str, str]:
    """Username and password of a `Basic` credential, each "" when it is not there."""
    # Werkzeug 3.1.9 raises a bare ValueError on non-ASCII text, and reads a value
    # without a colon as an empty password, which no check accepts.
    parsed = Authorization.from_header(f"Basic {value}") if value.isascii() else None
    if parsed is None:
        raise refusal(
            "malformed Basic credential: not base64 of UTF-8 'username:password'"
        )
    return parsed.parameters["username"] or "", parsed.parameters["password"] or ""
