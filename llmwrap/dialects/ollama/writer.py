"""One line of a stream at a time: around a text stand the same bytes but for the time."""

from typing import Any

from llmwrap.dialects.ollama.ascii_json import quoted, written
from llmwrap.dialects.ollama.said import said
from llmwrap.dialects.ollama.times import MICROSECONDS, to_the_second

MAX_LINE_BYTES = 65_536
"""A longer line is split. aiohttp's readers (Open WebUI) give up at 131,072 bytes."""

_PIECE = 5000
"""Characters whose ASCII JSON, at up to 12 bytes each, stays below that."""


class LineWriter:
    """Writes the lines of one answer that are not its last; `time` is as in `Clock`."""

    def __init__(self, form: str, model: str) -> None:
        self._form = form
        self._model = model
        self._head = f'{{"model":{quoted(model)},"created_at":"'
        if form == "chat":
            self._text = '","message":{"role":"assistant","content":'
            self._thinking = f'{self._text}"","thinking":'
            self._tail = '},"done":false}\n'
        else:
            self._text = '","response":'
            self._thinking = f'{self._text}"","thinking":'
            self._tail = ',"done":false}\n'

    def text(self, time: str, text: str) -> bytes:
        """A line with more text; several where one would be too long."""
        return self._around(time, self._text, text)

    def thinking(self, time: str, text: str) -> bytes:
        """The same with more of what the model thinks."""
        return self._around(time, self._thinking, text)

    def _around(self, time: str, before: str, text: str) -> bytes:
        told = quoted(text)
        if len(told) <= MAX_LINE_BYTES - _BESIDE:
            return f"{self._head}{time}{before}{told}{self._tail}".encode()
        pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
        return b"".join(self._around(time, before, piece) for piece in pieces)

    def line(self, time: str, spoken: dict[str, Any], rest: dict[str, Any]) -> bytes:
        """A line of `spoken` (see `said`) with `rest` after it."""
        told = {"model": self._model, "created_at": time, **spoken, "done": False}
        return written(told | rest) + b"\n"

    def mixed(self, time: str, text: str, thinking: str, rest: dict[str, Any]) -> bytes:
        """A line with both, or with more beside them; only text is ever split."""
        line = self.line(time, said(self._form, text, thinking), rest)
        if len(line) <= MAX_LINE_BYTES:
            return line
        split = self.thinking(time, thinking) if thinking else b""
        split += self.text(time, text) if text else b""
        return split + (self.line(time, said(self._form), rest) if rest else b"")


_BESIDE = 4096
"""Room for what stands around a text: the model's name is at most 512 bytes long."""


class Clock:
    """The times of one answer as text; most lie in the same second as the one before."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._second = -1
        self._prefix = ""

    def at(self, at: float) -> str:
        """The instant `at` seconds after the beginning, as in `rfc3339`."""
        second, rest = divmod(int((self._began + at) * MICROSECONDS), MICROSECONDS)
        if second != self._second:
            self._second = second
            self._prefix = to_the_second(second)
        return f"{self._prefix}{rest:06d}Z"
