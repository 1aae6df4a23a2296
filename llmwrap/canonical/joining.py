"""One answer made of several: choices numbered on, tokens added up. No bytes, no dialect."""

from collections.abc import Sequence
from dataclasses import replace

from llmwrap.canonical.events import Event, Usage, UsageReported

_NOTHING = Usage()


class Joint:
    """The answers to the calls of one request, one after another, as one answer's events.

    `repeats` is how many calls in a row ask for the same prompt: its tokens count once.
    """

    def __init__(self, repeats: int = 1) -> None:
        self._repeats = repeats
        self._number = 0
        self._first = 0
        self._choices = 0
        self._before = _NOTHING
        self._usage = _NOTHING

    def begin(self) -> None:
        """The call is made, perhaps once more: what it told before does not count."""
        self._choices = 0
        self._usage = _NOTHING

    def end(self) -> None:
        """The call is answered: the next one's choices count on from its last."""
        self._number += 1
        self._first += max(1, self._choices)
        self._before = self._total()
        self.begin()

    def take(self, events: Sequence[Event]) -> list[Event]:
        """`events` of the call as those of the whole; usage is the sum so far."""
        return [self._of_whole(event) for event in events]

    def _of_whole(self, event: Event) -> Event:
        if isinstance(event, UsageReported):
            self._usage = event.usage
            if self._number % self._repeats:
                self._usage = replace(event.usage, prompt=0, cached=0)
            return UsageReported(self._total())
        self._choices = max(self._choices, event.index + 1)
        if not self._first:
            return event
        return replace(event, index=self._first + event.index)

    def _total(self) -> Usage:
        one, two = self._before, self._usage
        return Usage(
            one.prompt + two.prompt,
            one.completion + two.completion,
            one.cached + two.cached,
            one.reasoning + two.reasoning,
        )
