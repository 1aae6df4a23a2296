"""Every account: the predefined users of the configuration first, then those of the database.

Who is found here is as of now: blocked users are in group `blocked`, and those who were
disabled or deleted are nobody. Passwords and tokens are checked elsewhere.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from llmwrap.auth.principal import Principal
from llmwrap.auth.recall import Recall
from llmwrap.auth.running import Running
from llmwrap.auth.standing import Standing
from llmwrap.auth.users import PredefinedUsers, UserRecord, record_of
from llmwrap.errors import StorageUnavailable
from llmwrap.settings.values import Settings
from llmwrap.storage.reach import Reach
from llmwrap.storage.static_users import sync_static_user
from llmwrap.storage.users import (
    NameTaken,
    StoredUser,
    user_by_id,
    user_by_sign_in_name,
    user_by_subject,
    user_by_username,
)

RESERVED = frozenset({"anonymous", "api_key"})
"""Names in logs of those who have no account."""

_Named = tuple[Literal["id", "username", "sign_in", "subject"], str, str]


class Accounts:
    """One worker's view of all accounts; safe to share by threads."""

    def __init__(
        self,
        settings: Settings,
        reach: Reach,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.predefined = PredefinedUsers(settings.users)
        self.reach = reach
        self.standing = Standing(reach, settings.auth.group_models, clock)
        self.running = Running(self.standing)
        self._stored: Recall[_Named, UserRecord] = Recall(self._load, clock)

    def by_id(self, id: str) -> UserRecord | None:
        """Find the user that a session token names."""
        user = self.predefined.by_id(id) or self._stored.get(("id", id, ""))
        return self._present(user)

    def by_username(self, username: str) -> UserRecord | None:
        """Find a user by the exact name, as HTTP Basic does."""
        predefined = self.predefined.by_username(username)
        user = predefined or self._stored.get(("username", username, ""))
        return self._present(user)

    def by_sign_in_name(self, name: str) -> UserRecord | None:
        """Find a user by username or email without regard to case."""
        predefined = self.predefined.by_sign_in_name(name)
        return self._present(predefined or self._stored.get(("sign_in", name, "")))

    def stored_by_subject(self, issuer: str, subject: str) -> UserRecord | None:
        """Find a user of the identity provider, one that is disabled too."""
        return self._stored.get(("subject", issuer, subject))

    def reload(self, user: UserRecord) -> UserRecord | None:
        """`user` as the database has it at this moment."""
        self.refresh()
        if user.kind == "static":
            return self._present(user)
        return self._present(self._stored.reload(("id", user.id, "")))

    def of_stored(self, stored: StoredUser) -> UserRecord | None:
        """The account of a row; None for a predefined user whom the configuration lost."""
        user = record_of(stored)
        if user.kind == "static":
            predefined = self.predefined.by_id(user.id)
            return predefined and replace(
                predefined, active=user.active, token_version=user.token_version
            )
        return user

    def limited(self, principal: Principal) -> Principal:
        """`principal` with the allow-lists of its groups before its own."""
        models = self.standing.models_of(principal)
        if not models:
            return principal
        return replace(principal, models=(*models, *principal.models))

    def ensure_row(self, user: UserRecord) -> None:
        """Give a predefined user the row that its keys and conversations hang on."""
        if user.kind != "static":
            return
        with self.reach.writing() as session:
            sync_static_user(
                session,
                id=user.id,
                username=user.username,
                email=user.email,
                groups=user.groups - {"blocked"},
            )

    def check_names(self, *names: str) -> None:
        """Raise NameTaken for a name or address of a predefined user, or a reserved one."""
        for name in filter(None, names):
            if name.casefold() in RESERVED or self.predefined.by_sign_in_name(name):
                raise NameTaken(name)

    def refresh(self) -> None:
        """Learn what was revoked or blocked anywhere, and end the answers that it concerns.

        StorageUnavailable leaves everything as it is.
        """
        self.standing.refresh()
        self.running.end_revoked()

    def changed(self) -> None:
        """Accounts, keys or sessions were changed here: this worker knows it from now on."""
        self._stored.clear()
        with suppress(StorageUnavailable):  # what was written is written
            self.refresh()

    def _present(self, user: UserRecord | None) -> UserRecord | None:
        return user and self.standing.present(user)

    def _load(self, key: _Named) -> UserRecord | None:
        how, name, subject = key
        with self.reach.reading() as session:
            if how == "subject":
                stored = user_by_subject(session, name, subject)
            else:
                stored = _FINDERS[how](session, name)
        return self.of_stored(stored) if stored else None


_FINDERS = {
    "id": user_by_id,
    "username": user_by_username,
    "sign_in": user_by_sign_in_name,
}
