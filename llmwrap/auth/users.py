"""Users as authentication sees them, and the predefined ones of the configuration."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from llmwrap.auth.principal import Principal, PrincipalKind
from llmwrap.settings.values import User


def user_id(name: str) -> str:
    """Derive the id of a predefined user: the same on every host, for ever."""
    return f"usr_{hashlib.sha256(name.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class UserRecord:
    """One user who can sign in; `email` may be "", `password_hash` is a secret."""

    id: str
    username: str
    email: str
    password_hash: str
    groups: frozenset[str]

    def principal(self, kind: PrincipalKind) -> Principal:
        """Return this user as the one who asks, by a credential of `kind`."""
        return Principal(self.id, kind, self.username, self.email, self.groups)


class PredefinedUsers:
    """The users of the configuration: fixed while the process lives, safe to share."""

    def __init__(self, users: Iterable[User]) -> None:
        records = [_record(user) for user in users]
        self._by_username = {record.username: record for record in records}
        self._by_id = {record.id: record for record in records}
        self._by_folded: dict[str, UserRecord] = {}
        for record in records:
            for name in filter(None, (record.username, record.email)):
                self._by_folded.setdefault(name.casefold(), record)

    @property
    def password_hashes(self) -> tuple[str, ...]:
        """Every stored hash, in file order."""
        return tuple(record.password_hash for record in self._by_id.values())

    def by_id(self, id: str) -> UserRecord | None:
        """Find the user that a session token names."""
        return self._by_id.get(id)

    def by_username(self, username: str) -> UserRecord | None:
        """Find a user by the exact name, as HTTP Basic does."""
        return self._by_username.get(username)

    def by_sign_in_name(self, name: str) -> UserRecord | None:
        """Find a user by username or email without regard to case.

        The exact username wins, then the first in file order.
        """
        return self._by_username.get(name) or self._by_folded.get(name.casefold())


def _record(user: User) -> UserRecord:
    return UserRecord(
        id=user_id(user.username),
        username=user.username,
        email=user.email,
        password_hash=user.password_hash,
        groups=frozenset(user.groups),
    )
