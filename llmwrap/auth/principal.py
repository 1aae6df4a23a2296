"""The one identity behind every kind of credential; plain data."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

PrincipalKind = Literal["basic", "jwt", "api_key", "guest", "anonymous"]

GENERATING_GROUPS = frozenset({"admin", "user"})
"""Only members of these may generate; every other group may still list models."""

GUEST = "guest"
"""The group that every guest is in for limits and models, whatever group it was put in."""

MAX_MODEL_NAME = 512
"""Characters; to match a pattern with a longer name could take seconds, and there is none."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. `id` is stable over all credentials of one user (`usr_...`).

    `models` are allow-lists of model patterns, of the groups and of the API key: a model must
    match one pattern of each. `services` are the services that the key opens, None = all.
    `key_id` and `token_id` name the credential, `expires_at` is its end in Unix seconds, 0 =
    none is known; `token_version` is what it was made under, where a new password ends it.
    `rate` is the key's own request rate, "" = none.
    """

    id: str
    kind: PrincipalKind
    name: str = ""
    email: str = ""
    subject: str = ""
    full_name: str = ""
    groups: frozenset[str] = frozenset()
    is_guest: bool = False
    models: tuple[tuple[str, ...], ...] = ()
    services: frozenset[str] | None = None
    key_id: str = ""
    token_id: str = ""
    token_version: int | None = None
    expires_at: int = 0
    rate: str = ""

    @property
    def blocked(self) -> bool:
        return "blocked" in self.groups

    @property
    def may_generate(self) -> bool:
        return not self.blocked and not self.groups.isdisjoint(GENERATING_GROUPS)

    def groups_in(self, table: Container[str]) -> Iterable[str]:
        """Its groups of which `table` says something.

        Of a guest that is `guest` alone, if there: less than others may, not the most of both.
        """
        if self.is_guest and GUEST in table:
            return (GUEST,)
        return (group for group in self.groups if group in table)

    def may_use_model(self, name: str) -> bool:
        """Whether every allow-list has `name`; none has what is too long for a name."""
        return len(name) <= MAX_MODEL_NAME and all(
            any(fnmatchcase(name, pattern) for pattern in patterns)
            for patterns in self.models
        )

    def may_use_service(self, service: str) -> bool:
        """Whether the credential opens `service`."""
        return self.services is None or service in self.services


ANONYMOUS = Principal(
    "anonymous", "anonymous", name="anonymous", groups=frozenset({"user"})
)
"""Everybody, while no credential source is configured."""
