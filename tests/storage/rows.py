"""Rows that tests need before they begin, and times that are not now."""

from datetime import UTC, datetime, timedelta

from llmwrap.storage.api_keys import StoredKey, add_key
from llmwrap.storage.tokens import add_refresh_token
from llmwrap.storage.users import StoredUser, add_user

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alice(session, **columns) -> StoredUser:
    given = {"username": "alice", "email": "alice@example.com", "groups": ["user"]}
    return add_user(session, **given | columns)


def guest(session, username="guest-1", **columns) -> StoredUser:
    given = {"kind": "guest", "is_guest": True, "groups": ["user"]}
    return add_user(session, username=username, **given | columns)


def key(session, user: StoredUser, key_hash="hash", **columns) -> StoredKey:
    given = {
        "name": "laptop",
        "prefix": "sk_live_ab",
        "suffix": "wxyz",
        "scopes": None,
        "expires_at": None,
    }
    return add_key(session, user_id=user.id, key_hash=key_hash, **given | columns)


def refresh_token(session, user: StoredUser, token_hash="r1", **columns) -> None:
    given = {"family_id": "f1", "issued_at": NOW, "expires_at": NOW + HOUR}
    add_refresh_token(
        session, token_hash=token_hash, user_id=user.id, **given | columns
    )
