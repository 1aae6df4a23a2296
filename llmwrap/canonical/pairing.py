"""Which tool's result answers which call: by the call's id, else its tool's name, else in order."""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import replace

from llmwrap.canonical.tasks import Message, ToolCall


def paired(messages: Iterable[Message]) -> tuple[Message, ...]:
    """`messages` with an id at every call, and at every result the id and name of its call.

    What was sent is kept. Clients that leave ids out (Ollama's Python client does) answer by
    the tool's name or in the order of the calls. Takes time in proportion to what is sent.
    """
    given = tuple(messages)
    pairing = _Pairing({call.id for each in given for call in each.calls if call.id})
    return tuple(pairing.settled(message) for message in given)


class _Pairing:
    """The calls so far that nobody answered, in order."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._made = 0
        self._open = _Open()
        self._names: dict[str, str] = {}

    def settled(self, message: Message) -> Message:
        if message.calls:
            return self._asking(message)
        if message.role == "tool":
            return self._answering(message)
        return message

    def _asking(self, message: Message) -> Message:
        calls = tuple(
            call if call.id else replace(call, id=self._new_id())
            for call in message.calls
        )
        for call in calls:
            self._open.add(call)
            self._names[call.id] = call.name
        return message if calls == message.calls else replace(message, calls=calls)

    def _answering(self, message: Message) -> Message:
        call = self._open.take(message.call_id, message.name)
        call_id = message.call_id or (call.id if call else self._new_id())
        name = message.name or self._names.get(call_id, "")
        if (call_id, name) == (message.call_id, message.name):
            return message
        return replace(message, call_id=call_id, name=name)

    def _new_id(self) -> str:
        """Nine letters and digits, which Mistral's templates on vLLM insist on (2026-11)."""
        while True:
            made = f"call{self._made:05}"
            self._made += 1
            if made not in self._taken:
                return made


_Row = deque[tuple[int, ToolCall]]


class _Open:
    """Calls to be answered, each in three rows: all, those of its id, those of its name.

    One that was answered stays in the other rows until it is their first: a chat may have
    20,000 calls, and to look for each in all of them takes a minute.
    """

    def __init__(self) -> None:
        self._count = 0
        self._answered: set[int] = set()
        self._all: _Row = deque()
        self._by_id: defaultdict[str, _Row] = defaultdict(deque)
        self._by_name: defaultdict[str, _Row] = defaultdict(deque)

    def add(self, call: ToolCall) -> None:
        entry = self._count, call
        self._count += 1
        for row in (self._all, self._by_id[call.id], self._by_name[call.name]):
            row.append(entry)

    def take(self, call_id: str, name: str) -> ToolCall | None:
        """The first with that id; without an id, the first of that name, else of all."""
        if call_id:
            return self._first(self._by_id.get(call_id))
        return self._first(self._by_name.get(name)) or self._first(self._all)

    def _first(self, row: _Row | None) -> ToolCall | None:
        while row:
            number, call = row.popleft()
            if number not in self._answered:
                self._answered.add(number)
                return call
        return None
