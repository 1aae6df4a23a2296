"""Making API keys, for the routes and for the command line; recognising them is `api_keys`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from llmwrap.auth.pepper import PREFIX, Pepper
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Auth
from llmwrap.storage.api_keys import Scopes, StoredKey, add_key, count_active_keys
from llmwrap.storage.reach import Reach

SHOWN = 4
"""Characters of a key's end that lists show: of its check, none of the random ones."""

KeyStatus = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key that somebody wants.

    `expires_in_s` None is `auth.api_key_ttl_s`, which is also the longest. `scopes` narrow it
    (`services`: names, `models`: patterns), None is all that its user may. `rate` holds for
    the key alone, inside the rate of its user; "" is none of its own.
    """

    name: str
    expires_in_s: int | None = None
    scopes: Scopes | None = None
    rate: str = ""


def create_key(
    reach: Reach, pepper: Pepper, auth: Auth, user_id: str, order: KeyOrder
) -> tuple[StoredKey, str]:
    """Make a key for a user who has a row, and return it with the secret, shown this once.

    Raises InvalidRequest for a life that is too long and for one key too many.
    """
    asked_s = order.expires_in_s
    life_s = auth.api_key_ttl_s if asked_s is None else asked_s
    if not 0 < life_s <= auth.api_key_ttl_s:
        raise InvalidRequest(
            f"expires_in is {life_s}; accepted: 1 to {auth.api_key_ttl_s} seconds",
            param="expires_in",
        )
    now = datetime.now(UTC)
    secret = pepper.new_key()
    with reach.writing() as session:
        if count_active_keys(session, user_id, now) >= auth.api_keys_per_user:
            raise InvalidRequest(
                f"there are {auth.api_keys_per_user} active keys already, which is the"
                " limit; revoke one first"
            )
        stored = add_key(
            session,
            user_id=user_id,
            name=order.name,
            key_hash=pepper.hash(secret),
            prefix=PREFIX,
            suffix=secret[-SHOWN:],
            scopes=order.scopes,
            expires_at=now + timedelta(seconds=life_s),
            rate_limit=order.rate,
        )
    return stored, secret


def status_of(key: StoredKey, now: datetime) -> KeyStatus:
    """What has become of a key."""
    if key.revoked_at:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= now
    return "expired" if expired else "active"


def shown(key: StoredKey) -> str:
    """The key as lists show it: its ends, and dots for what nobody knows any more."""
    return f"{key.prefix}...{key.suffix}"
