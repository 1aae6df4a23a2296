"""What is held against accounts, keys and sessions: in every worker within a few seconds.

A small picture of the database, replaced as a whole. It can only take away what a credential
gives; whom a credential stands for is no matter here.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from llmwrap.auth.principal import Principal
from llmwrap.auth.users import UserRecord
from llmwrap.errors import AccessRevoked
from llmwrap.exchange import Exchange
from llmwrap.storage.api_keys import revoked_keys_since
from llmwrap.storage.reach import Reach
from llmwrap.storage.tokens import revoked_tokens
from llmwrap.storage.users import AccountState, account_states, group_patterns

BLOCKED = "blocked"
OVERLAP = timedelta(minutes=2)
"""What happened so long before the last look is looked for again.

Users and keys are remembered for a minute at most, and their own rows tell of older times;
the clocks of two hosts differ a little.
"""


@dataclass(frozen=True, slots=True)
class _Known:
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    tokens: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Standing:
    """The picture, and what it means; safe to share, the lock guards its replacement.

    `group_models` are the allow-lists of the configuration; `clock` gives Unix seconds.
    """

    def __init__(
        self,
        reach: Reach,
        group_models: Mapping[str, tuple[str, ...]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reach = reach
        self._group_models = group_models
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = self._told = 0
        self._known = _Known(patterns=group_models)
        self._since = self._now() - OVERLAP

    def refresh(self) -> None:
        """Take a new picture; StorageUnavailable leaves the last one in force."""
        with self._lock:
            self._asked += 1
            turn = self._asked
        now = self._now()
        with self._reach.probing() as session:
            known = _Known(
                account_states(session, self._since),
                frozenset(revoked_tokens(session, now)),
                frozenset(revoked_keys_since(session, self._since)),
                self._with_configured(group_patterns(session)),
            )
        with self._lock:
            if turn > self._told:  # else a later picture was faster
                self._told, self._known, self._since = turn, known, now - OVERLAP

    def present(self, user: UserRecord) -> UserRecord | None:
        """`user` as of now; None for an account that is disabled or deleted.

        The groups of a predefined user are those of the configuration, and `blocked`.
        """
        state = self._known.accounts.get(user.id)
        if state is None:
            return user if user.active else None
        if state.status != "active":
            return None
        groups = state.groups
        if user.kind == "static":
            groups = user.groups | (state.groups & {BLOCKED})
        version = max(user.token_version, state.token_version)
        return replace(user, groups=groups, token_version=version)

    def token_revoked(self, token_id: str) -> bool:
        """Whether this session was ended."""
        return token_id in self._known.tokens

    def key_revoked(self, key_id: str) -> bool:
        """Whether this key was revoked lately; the key's own record tells of older times."""
        return key_id in self._known.keys

    def models_of(self, principal: Principal) -> tuple[tuple[str, ...], ...]:
        """The allow-list of its groups: what any of them may use; () is no list."""
        patterns = self._known.patterns
        limited = [*principal.groups_in(patterns)]
        if not limited:
            return ()
        united = chain.from_iterable(patterns[group] for group in limited)
        return (tuple(sorted(set(united))),)

    def objection(self, exchange: Exchange) -> AccessRevoked | None:
        """Why this request, which was let in, must not go on."""
        known = self._known
        if exchange.token_id and exchange.token_id in known.tokens:
            return AccessRevoked("this session was ended")
        if exchange.key_id and exchange.key_id in known.keys:
            return AccessRevoked("this API key was revoked")
        state = known.accounts.get(exchange.user_id)
        if state is None:
            return None
        if state.status != "active":
            return AccessRevoked("this account was disabled")
        if BLOCKED in state.groups:
            return AccessRevoked("this account was blocked")
        version = exchange.token_version
        if version is not None and version < state.token_version:
            return AccessRevoked("the password of this account was changed")
        return None

    def _with_configured(
        self, stored: Mapping[str, tuple[str, ...]]
    ) -> dict[str, tuple[str, ...]]:
        names = {*self._group_models, *stored}
        return {
            name: (*self._group_models.get(name, ()), *stored.get(name, ()))
            for name in names
        }

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
