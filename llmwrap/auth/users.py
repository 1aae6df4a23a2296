"""Users as authentication sees them, and the predefined ones of the configuration."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from llmwrap.auth.principal import Principal, PrincipalKind
from llmwrap.settings.values import User
from llmwrap.storage.names import ID_PREFIX
from llmwrap.storage.users import StoredUser, UserKind


def user_id(name: str) -> str:
    """Derive the id of a predefined user: the same on every host, for ever."""
    return f"{ID_PREFIX}{hashlib.sha256(name.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class UserRecord:
    """One user; `email`, `name` and `subject` may be "", and so may `password_hash`.

    Who has no password cannot sign in with one. `subject` is what the identity provider
    calls its user; `token_version` rises with every new password. `email_claimed`: nobody
    but the user says that it is theirs.
    """

    id: str
    username: str
    email: str
    password_hash: str = field(repr=False)
    groups: frozenset[str]
    name: str = ""
    kind: UserKind = "static"
    is_guest: bool = False
    active: bool = True
    token_version: int = 0
    subject: str = ""
    email_claimed: bool = False

    def principal(
        self, kind: PrincipalKind, *, token_id: str = "", expires_at: int = 0
    ) -> Principal:
        """Return this user as the one who asks, by a credential of `kind`."""
        return Principal(
            self.id,
            kind,
            name=self.username,
            email=self.email,
            subject=self.subject or self.id,
            full_name=self.name,
            groups=self.groups,
            is_guest=self.is_guest,
            token_id=token_id,
            token_version=self.token_version,
            expires_at=expires_at,
        )


def record_of(stored: StoredUser) -> UserRecord:
    """A user of the database."""
    return UserRecord(
        id=stored.id,
        username=stored.username,
        email=stored.email,
        password_hash=stored.password_hash,
        groups=stored.groups,
        name=stored.name,
        kind=stored.kind,
        is_guest=stored.is_guest,
        active=stored.status == "active",
        token_version=stored.token_version,
        subject=stored.subject,
        email_claimed=stored.email_claimed,
    )


class PredefinedUsers:
    """The users of the configuration: fixed while the process lives, safe to share."""

    def __init__(self, users: Iterable[User]) -> None:
        records = [_predefined(user) for user in users]
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


def _predefined(user: User) -> UserRecord:
    return UserRecord(
        id=user_id(user.username),
        username=user.username,
        email=user.email,
        password_hash=user.password_hash,
        groups=frozenset(user.groups),
    )
