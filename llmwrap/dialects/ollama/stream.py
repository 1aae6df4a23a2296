"""Reading the stream of an Ollama upstream: one JSON object a line (0.33, 2026-08)."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from llmwrap.dialects.base import Frame, LikeFrame
from llmwrap.dialects.ollama.errors import reported_error
from llmwrap.dialects.ollama.events import EventReader
from llmwrap.dialects.ollama.likeness import like_frame, pattern_of
from llmwrap.dialects.ollama.lines import MAX_LINE_BYTES, LineReader
from llmwrap.dialects.upstream_json import read_odd
from llmwrap.errors import UpstreamProtocolError


class StreamReader:
    """Decodes one upstream stream; `ended` at the line that is done, after which nothing counts."""

    def __init__(self) -> None:
        self.ended = False
        self._lines = LineReader()
        self._events = EventReader()
        self._tried_bytes = 0
        self._plain: re.Pattern[bytes] | None = None  # set once the answer has begun

    def feed(self, data: bytes) -> Iterable[Frame | LikeFrame]:
        """The frames that `data` completes; raises at an error line and at nonsense."""
        lines = self._lines.feed(data)
        if len(lines) == 1 and not self.ended and not self._lines.rest:
            like = self._plain and like_frame(self._plain, lines[0])
            frame = like or self._frame(lines[0])  # the usual case
            return (frame,) if frame else ()
        return self._read_all(lines)

    def _read_all(self, lines: list[bytes]) -> Iterator[Frame]:
        for line in lines:
            if not self.ended and (frame := self._frame(line)):
                yield frame
        if not self.ended and (frame := self._unterminated()):
            yield frame

    def end(self) -> None:
        """The bytes ended without a line that is done."""
        raise UpstreamProtocolError(
            "the upstream ended its stream in the middle of the answer"
        )

    def _frame(self, line: bytes) -> Frame | None:
        line = line.strip()
        if not line:
            return None
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError:
            data = read_odd(line, "a line")
            line = b""  # it has to be written anew
        return self._read(line, data)

    def _read(self, line: bytes, data: Any) -> Frame:
        if not isinstance(data, dict):
            raise UpstreamProtocolError("the upstream sent a line that is no object")
        if data.get("error"):
            raise reported_error(data)
        events = self._events.read(data)
        self.ended = data.get("done") is True
        self._plain = self._plain or pattern_of(data)
        return Frame(line, data, events)

    def _unterminated(self) -> Frame | None:
        """A last line without its end: an object is whole once it can be read.

        How much is tried in vain is bounded, whatever comes in whatever pieces.
        """
        rest = self._lines.rest
        if not rest.endswith((b"}", b"}\r")) or self._tried_bytes > MAX_LINE_BYTES:
            return None
        line = bytes(rest).strip()
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError:
            self._tried_bytes += len(line)
            return None
        rest.clear()
        return self._read(line, data)
