"""The configuration while its sources are merged: one tree, and who said what."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from llmwrap.settings.places import MISSING, Where, lookup


class Entry(NamedTuple):
    """One value that a source gives; `origin` is a file's or a variable's name."""

    where: Where
    value: Any
    origin: str


@dataclass(slots=True)
class Draft:
    """Tables as TOML has them, unchecked; a later `put` beats an earlier one.

    Owned by one call of the loader. `origins` knows the paths that were put; what lies
    below one of them has the same origin.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[Where, str] = field(default_factory=dict)

    def put(self, entry: Entry) -> None:
        """Set one value; tables on the way to it are made, a list is replaced whole."""
        table: Any = self.tree
        for step in entry.where[:-1]:
            if not isinstance(lookup(table, (step,)), dict | list):
                table[step] = {}
            table = table[step]
        table[entry.where[-1]] = entry.value
        self._forget_origins(entry.where)
        self.origins[entry.where] = entry.origin

    def append(self, name: str, value: Any, origin: str) -> None:
        """Add an item to a top-level list, unless something else stands there."""
        items = self.tree.setdefault(name, [])
        if isinstance(items, list):
            items.append(value)
            self.origins[name, len(items) - 1] = origin

    def remove(self, where: Where) -> None:
        """Take away what stands at a path, if anything does."""
        table = lookup(self.tree, where[:-1])
        if isinstance(table, dict):
            table.pop(where[-1], None)

    def origin_of(self, where: Where) -> str:
        """Which source gave the value at a path; `default` when none did.

        For a table that several sources fill, the first of them.
        """
        if lookup(self.tree, where) is MISSING:
            return "default"
        above = (where[:length] for length in range(len(where), 0, -1))
        below = (known for known in self.origins if known[: len(where)] == where)
        named = (place for place in chain(above, below) if place in self.origins)
        return self.origins[next(named)]

    def _forget_origins(self, where: Where) -> None:
        for known in [known for known in self.origins if known[: len(where)] == where]:
            del self.origins[known]
