"""Which tool's result answers which call: by the call's id, else its tool's name, else in order."""

from collections.abc import Iterable
from dataclasses import replace

from llmwrap.canonical.tasks import Message, ToolCall


def paired(messages: Iterable[Message]) -> tuple[Message, ...]:
    """`messages` with an id at every call, and at every result the id and name of its call.

    What was sent is kept. Clients that leave ids out (Ollama's Python client does) answer by
    the tool's name or in the order of the calls.
    """
    given = tuple(messages)
    pairing = _Pairing({call.id for each in given for call in each.calls if call.id})
    return tuple(pairing.settled(message) for message in given)


class _Pairing:
    """The calls so far that nobody answered, in order."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._made = 0
        self._open: list[ToolCall] = []
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
        self._open += calls
        self._names.update((call.id, call.name) for call in calls)
        return message if calls == message.calls else replace(message, calls=calls)

    def _answering(self, message: Message) -> Message:
        call = self._call_of(message)
        if call:
            self._open.remove(call)
        call_id = message.call_id or (call.id if call else self._new_id())
        name = message.name or self._names.get(call_id, "")
        if (call_id, name) == (message.call_id, message.name):
            return message
        return replace(message, call_id=call_id, name=name)

    def _call_of(self, result: Message) -> ToolCall | None:
        """The open call that `result` answers, None where there is none."""
        if result.call_id:
            fitting = [call for call in self._open if call.id == result.call_id]
        else:
            named = [call for call in self._open if call.name == result.name]
            fitting = named or self._open
        return fitting[0] if fitting else None

    def _new_id(self) -> str:
        """Nine letters and digits, which Mistral's templates on vLLM insist on (2026-11)."""
        while True:
            made = f"call{self._made:05}"
            self._made += 1
            if made not in self._taken:
                return made
