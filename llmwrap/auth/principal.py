"""The one identity behind every kind of credential; plain data."""

from dataclasses import dataclass
from typing import Literal

PrincipalKind = Literal["basic", "jwt", "api_key", "guest", "anonymous"]

GENERATING_GROUPS = frozenset({"admin", "user"})
"""Only members of these may generate; every other group may still list models."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. `id` is stable over all credentials of one user (`usr_...`)."""

    id: str
    kind: PrincipalKind
    name: str = ""
    email: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def blocked(self) -> bool:
        return "blocked" in self.groups

    @property
    def may_generate(self) -> bool:
        return not self.blocked and not self.groups.isdisjoint(GENERATING_GROUPS)


ANONYMOUS = Principal(
    "anonymous", "anonymous", name="anonymous", groups=frozenset({"user"})
)
"""Everybody, while no credential source is configured."""
