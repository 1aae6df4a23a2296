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

    `continuable` is whether another model server could go on with it: some text was said, by
    one choice, nothing but text, and the answer is not over.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._more_than_text = False

    def note(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, TextDelta) and event.index == 0:
            self._parts.append(event.text)
        elif isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta | Finished):
            self._more_than_text = True

    @property
    def continuable(self) -> bool:
        """See above."""
        return bool(self._parts) and not self._more_than_text

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._parts)

    @property
    def deltas(self) -> int:
        """In how many pieces it came: about its tokens."""
        return len(self._parts)
