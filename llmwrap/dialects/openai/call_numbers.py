"""Which call a piece of a call belongs to, by whatever its server tells of that."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from llmwrap.canonical.events import ToolCallDelta


@dataclass(slots=True)
class _Call:
    """A call that has begun; `arguments` are its pieces."""

    id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    def add(self, piece: ToolCallDelta) -> None:
        self.name = self.name or piece.name
        if piece.arguments:
            self.arguments.append(piece.arguments)

    def excludes(self, piece: ToolCallDelta) -> bool:
        """Whether `piece` is none of this call: it has a name, and this one is all there.

        Some servers name the call in every piece (vLLM 0.9, where it was asked for by name).
        """
        if not piece.name or not self.name:
            return False
        if piece.name == self.name and not piece.arguments.strip():
            return False
        return _is_object("".join(self.arguments))


class CallNumbers:
    """Numbers the tool calls of one stream, each choice's from 0 in the order they begin.

    Some servers give every call the index 0, or none: a new id with a name begins a call then,
    as does a name after a call that is whole (Gemini, 2026); a piece without an id goes on with
    the last.
    """

    def __init__(self) -> None:
        self._calls: dict[int, list[_Call]] = {}
        self._numbers: dict[tuple[int, int], int] = {}

    def number(self, choice: int, told: Any, piece: ToolCallDelta) -> int:
        """The number of the call that `piece` is of; `told` is its index on the wire."""
        calls = self._calls.setdefault(choice, [])
        number = self._known(choice, told, piece)
        if number is None or calls[number].excludes(piece):
            number = len(calls)
            calls.append(_Call(piece.id, piece.name))
            if type(told) is int:
                self._numbers[choice, told] = number
        calls[number].add(piece)
        return number

    def _known(self, choice: int, told: Any, piece: ToolCallDelta) -> int | None:
        """The call that is meant by index or id, else the last; None for a new one."""
        calls = self._calls[choice]
        if type(told) is int:
            number = self._numbers.get((choice, told))
            other = piece.id and piece.name and number is not None and calls[number].id
            return None if other and other != piece.id else number
        if not piece.id:
            return len(calls) - 1 if calls else None
        numbers = (n for n, call in enumerate(calls) if call.id == piece.id)
        return max(numbers, default=None)


def _is_object(text: str) -> bool:
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
