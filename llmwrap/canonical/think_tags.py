"""Thoughts that a model wrote into its answer between `<think>` and `</think>`, as thoughts.

For servers that do not tell them apart themselves. Templates may open the thoughts in the prompt
(DeepSeek-R1, 2025-05), so that the answer begins inside them: text without an opening tag is held
back until the closing one comes, or until it is clear that there were no thoughts.
"""

from collections.abc import Iterable, Iterator

from llmwrap.canonical.events import (
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)

OPENING = "<think>"
CLOSING = "</think>"

MAX_HELD = 65_536
"""Characters without any tag after which an answer has no thoughts."""


class ThinkTags:
    """Filters the events of one answer; one for each answer."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}

    def filter(self, events: Iterable[Event]) -> list[Event]:
        """The same events with the thoughts as such; what may yet be a tag is held back."""
        told: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                told += self._choice(event.index).feed(event.text)
                continue
            if isinstance(event, Finished | ToolCallDelta | ReasoningDelta):
                told += self._choice(event.index).release()
            told.append(event)
        return told

    def end(self) -> list[Event]:
        """What was held back, at the end of an answer that nobody called finished."""
        return [event for each in self._choices.values() for event in each.release()]

    def _choice(self, index: int) -> "_Choice":
        return self._choices.setdefault(index, _Choice(index))


class _Choice:
    """One choice: undecided, then in its thoughts, between them and the answer, in the answer."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._held = ""
        self._step = self._undecided

    def feed(self, text: str) -> Iterator[Event]:
        """The events that more text makes certain."""
        self._held += text
        return self._step()

    def release(self) -> Iterator[Event]:
        """All that is held: whatever comes from here on is the answer."""
        thinking = self._step == self._thinking
        held = "" if self._step == self._between else self._take(len(self._held))
        self._step = self._answering
        if held:
            yield self._thought(held) if thinking else TextDelta(self._index, held)

    def _undecided(self) -> Iterator[Event]:
        begun = self._held.lstrip()
        if begun.startswith(OPENING):
            self._held = begun.removeprefix(OPENING)
            self._step = self._opened
            yield from self._opened()
        elif not OPENING.startswith(begun):
            self._step = self._unopened
            yield from self._unopened()

    def _opened(self) -> Iterator[Event]:
        """Blanks before the first thought are none of it."""
        self._held = self._held.lstrip()
        if self._held:
            self._step = self._thinking
            yield from self._thinking()

    def _unopened(self) -> Iterator[Event]:
        if CLOSING in self._held:
            self._step = self._thinking
            yield from self._thinking()
        elif len(self._held) > MAX_HELD:
            yield from self.release()

    def _thinking(self) -> Iterator[Event]:
        end = self._held.find(CLOSING)
        certain = self._take(len(self._held) - _begun(self._held) if end < 0 else end)
        if certain:
            yield self._thought(certain)
        if end >= 0:
            self._take(len(CLOSING))
            self._step = self._between
            yield from self._between()

    def _between(self) -> Iterator[Event]:
        """The blank lines after the thoughts are no part of the answer."""
        blanks = len(self._held) - len(self._held.lstrip())
        if blanks < len(self._held):
            self._take(self._held.rfind("\n", 0, blanks) + 1)
            self._step = self._answering
            yield from self._answering()

    def _answering(self) -> Iterator[Event]:
        if self._held:
            yield TextDelta(self._index, self._take(len(self._held)))

    def _take(self, size: int) -> str:
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def _thought(self, text: str) -> ReasoningDelta:
        return ReasoningDelta(self._index, text)


def _begun(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of the closing tag."""
    longest = min(len(text), len(CLOSING) - 1)
    return next((n for n in range(longest, 0, -1) if CLOSING.startswith(text[-n:])), 0)
