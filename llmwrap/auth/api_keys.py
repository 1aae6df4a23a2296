"""API keys as credentials: those of users, and the one shared key of the configuration.

Making them is `keys`.
"""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.basic import read_basic
from llmwrap.auth.credentials import Credential, refusal
from llmwrap.auth.last_use import LastUse
from llmwrap.auth.pepper import Pepper, looks_like_key
from llmwrap.auth.principal import Principal
from llmwrap.auth.recall import Recall
from llmwrap.auth.users import UserRecord, user_id
from llmwrap.storage.api_keys import StoredKey, key_by_hash

SHARED_KEY_USER = Principal(
    # No user can have this name: HTTP Basic ends a username at the first colon.
    user_id(":api_key"),
    "api_key",
    name="api_key",
    groups=frozenset({"user"}),
)
"""Everybody who holds the shared key."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A key, its user, and whom it stands for while nothing happens to that user."""

    key: StoredKey
    user: UserRecord
    principal: Principal


class ApiKeys:
    """Finds whose a key is; with `shared_key` "" there is none. Safe to share by threads.

    Keys are found by their hash, whatever they begin with. What was found is good for 5 s,
    revocations reach it sooner. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        accounts: Accounts,
        pepper: Pepper,
        last_use: LastUse,
        shared_key: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = accounts
        self._pepper = pepper
        self._last_use = last_use
        self._shared = shared_key.encode()
        self._clock = clock
        self._held: Recall[str, _Held] = Recall(self._load, clock)

    def is_shared(self, key: str) -> bool:
        """Whether it is the shared key, in constant time."""
        good = hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self._shared)
        return good and bool(self._shared)

    def find(self, key: str) -> Principal | None:
        """Return whose this key is, taken as it stood in a header; None if nobody's.

        Raises StorageUnavailable while nobody can tell.
        """
        if self.is_shared(key):
            return self._accounts.limited(SHARED_KEY_USER)
        key_hash = self._pepper.hash(key)
        held = self._held.fresh(key_hash)
        if held is None and self._pepper.could_be_key(key):
            held = self._held.get(key_hash)
        if held is None or not self._is_good(held.key):
            return None
        user = self._accounts.standing.present(held.user)
        if user is None:
            return None
        self._last_use.note_key(held.key.id)
        same = user is held.user
        principal = held.principal if same else _principal(held.key, user)
        return self._accounts.limited(principal)

    def _is_good(self, key: StoredKey) -> bool:
        expired = key.expires_at and key.expires_at.timestamp() <= self._clock()
        revoked = key.revoked_at or self._accounts.standing.key_revoked(key.id)
        return not (expired or revoked)

    def _load(self, key_hash: str) -> _Held | None:
        with self._accounts.reach.reading() as session:
            found = key_by_hash(session, key_hash)
        if found is None:
            return None
        key, stored = found
        user = self._accounts.of_stored(stored)
        return _Held(key, user, _principal(key, user)) if user else None


def _principal(key: StoredKey, user: UserRecord) -> Principal:
    scopes = key.scopes or {}
    return replace(
        user.principal("api_key"),
        models=(scopes["models"],) if "models" in scopes else (),
        services=frozenset(scopes["services"]) if "services" in scopes else None,
        key_id=key.id,
        token_version=None,  # a key outlives the password of its user
        expires_at=int(key.expires_at.timestamp()) if key.expires_at else 0,
        rate=key.rate_limit,
    )


def authenticate_api_key(keys: ApiKeys, credential: Credential) -> Principal | None:
    """Identify who holds a key (`Bearer` or a key header); None for other schemes."""
    if credential.scheme != "bearer":
        return None
    principal = keys.find(credential.value)
    if principal is None:
        raise refusal("invalid API key")
    return principal


def authenticate_key_in_basic(
    keys: ApiKeys, credential: Credential
) -> Principal | None:
    """Identify who sends a key as the password of `Basic`, or as the name without one.

    Tools that know nothing but a URL do so (langchain-ollama 1.0, 2025). None for what does not
    look like a key: it is a name and a password.
    """
    if credential.scheme != "basic":
        return None
    username, password = read_basic(credential.value)
    key = password or username
    if looks_like_key(key) or keys.is_shared(key):
        return authenticate_api_key(keys, Credential("bearer", key))
    return None
