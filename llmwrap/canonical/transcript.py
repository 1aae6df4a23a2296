"""What was said in one answer so far: a fold of its events. No bytes, no dialect."""

from llmwrap.canonical.events import (
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)


class Transcript:
    """The text of an answer of one choice, while that is all there is.

    `continuable` is whether another model server could go on with it: plain text was said by one
    choice, and the answer is not over.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.continuable = False

    def note(self, event: Event) -> None:
        """Take in one event."""
        kind = type(event)
        if kind is TextDelta and event.index == 0:  # type: ignore[union-attr]
            self.continuable = self.continuable or not self._parts
            self._parts.append(event.text)  # type: ignore[union-attr]
        elif kind in (TextDelta, ReasoningDelta, ToolCallDelta, Finished):
            self._parts.append("")
            self.continuable = False

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._parts)

    @property
    def deltas(self) -> int:
        """In how many pieces it came: about its tokens."""
        return len(self._parts)
