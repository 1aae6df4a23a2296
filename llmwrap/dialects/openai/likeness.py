"""Events that differ from one before them in their text alone, which is nearly all of a stream.

Such an event is what its pattern was, with another string in one known place: it need not be
parsed, and not be written again. That halves what a relayed token costs. Whatever is not exactly
so (an escape, a control character, another key, half a record) goes the ordinary way.
"""

import re
from typing import Any

_CONTENT = re.compile(rb'"content": ?"')


class Likeness:
    """The bytes of one event (`data: {...}` and its empty line) around its text."""

    __slots__ = ("_head", "_length", "_tail")

    def __init__(self, head: bytes, tail: bytes) -> None:
        self._head = head
        self._tail = tail
        self._length = len(head) + len(tail)

    def text_of(self, event: bytes) -> str | None:
        """The text of an event that is like the pattern, None for any other.

        The text stands in the JSON as it is: printable, without a quote or a backslash.
        """
        if not (event.startswith(self._head) and event.endswith(self._tail)):
            return None
        size = len(event) - self._length
        if size <= 0:
            return None
        start = len(self._head)
        try:
            text = event[start : start + size].decode()
        except UnicodeDecodeError:
            return None
        if '"' in text or "\\" in text or not text.isprintable():
            return None
        return text

    def with_text(self, text: str) -> bytes:
        """The pattern with another text, one that came from `text_of`."""
        return self._head + text.encode() + self._tail


def text_alone(data: dict[str, Any]) -> str:
    """The text of a chunk in which one choice says only text; "" for any other chunk."""
    choices = data["choices"]
    if len(choices) != 1 or data.get("usage"):
        return ""
    choice = choices[0]
    delta = choice.get("delta")
    if choice.get("finish_reason") or type(delta) is not dict or len(delta) != 1:
        return ""
    text = delta.get("content")
    return text if type(text) is str else ""


def likeness_of(event: bytes, text: str) -> Likeness | None:
    """A pattern made of `event`, whose only text is `text`; None where that is not certain."""
    if not text or event.count(b'"content"') != 1:
        return None
    found = _CONTENT.search(event)
    if not found:
        return None
    start = found.end()
    end = start + len(text.encode())
    if event[end : end + 1] != b'"':
        return None
    likeness = Likeness(event[:start], event[end:])
    return likeness if likeness.text_of(event) == text else None
