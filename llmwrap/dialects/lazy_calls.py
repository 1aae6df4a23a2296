"""The calls of a request that is several, each written when its turn has come.

A request of 128 answers to 32 MiB would be 4 GiB, were all its calls written at once.
"""

from collections.abc import Callable, Sequence
from typing import overload

from llmwrap.dialects.base import Call


class Calls(Sequence[Call]):
    """`count` calls that `make` writes by their number; only the last one written is kept.

    The first is written at once, so that what cannot be said is refused here. `make` must not
    refuse any other. Not thread-safe: they are one request's own.
    """

    __slots__ = ("_call", "_count", "_make", "_number")

    def __init__(self, count: int, make: Callable[[int], Call]) -> None:
        self._count = count
        self._make = make
        self._number = 0
        self._call = make(0)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        if isinstance(index, slice):
            return [self._written(number) for number in range(self._count)[index]]
        return self._written(range(self._count)[index])

    def _written(self, number: int) -> Call:
        if number != self._number:
            self._call = self._make(number)
            self._number = number
        return self._call


def changed(calls: Sequence[Call], change: Callable[[Call], Call]) -> Sequence[Call]:
    """`calls`, each changed when its turn has come."""
    if len(calls) == 1:
        return (change(calls[0]),)
    return Calls(len(calls), lambda number: change(calls[number]))
