"""A stream of the OpenAI dialect: reading an upstream's, and writing the client's.

Order and tolerance of clients: observed with the official Python and Node clients, 2026-11.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from llmwrap.canonical.answers import Stamp
from llmwrap.canonical.events import Event, Started, UsageReported
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Frame, LikeFrame
from llmwrap.dialects.framing import SseReader, SseRecord
from llmwrap.dialects.openai.call_numbers import CallNumbers
from llmwrap.dialects.openai.encoding import OBJECTS, ChunkWriter
from llmwrap.dialects.openai.events import (
    ChoiceReader,
    choice_index,
    read_counts,
    read_usage,
)
from llmwrap.dialects.openai.likeness import Likeness, likeness_of, text_alone
from llmwrap.dialects.openai.response import (
    error_body,
    error_of,
    reported_error,
)
from llmwrap.dialects.upstream_json import read_object, written
from llmwrap.errors import GatewayError, UpstreamProtocolError

HEARTBEAT = b": keep-alive\n\n"
"""Not `: ping`: Continue's parser takes a line of that start as the end of a batch."""


class StreamReader:
    """Decodes one upstream stream; `ended` at `[DONE]`, after which nothing counts."""

    def __init__(self) -> None:
        self.ended = False
        self._records = SseReader()
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._choices = ChoiceReader(CallNumbers())
        self._like: Likeness | None = None
        self._like_index = 0
        self._next_like: Likeness | None = None  # set where an event may begin

    def feed(self, data: bytes) -> Iterable[Frame | LikeFrame]:
        """The frames that `data` completes; raises at an error event and at nonsense."""
        like = self._next_like
        if like and (text := like.text_of(data)):
            return (LikeFrame(data[6:-2], like, self._like_index, text),)
        self._next_like = None
        return self._read(data)

    def _read(self, data: bytes) -> Iterator[Frame]:
        if self.ended:
            return
        for record in self._records.feed(data):
            if record.data[:1] == b"[" and record.data.rstrip() == b"[DONE]":
                self.ended = True
                return
            if frame := self._frame(record):
                yield frame
        if self._records.clean:
            self._next_like = self._like

    def end(self) -> None:
        """The bytes ended without `[DONE]`: complete only if every choice was finished."""
        if not self._finished or self._open - self._finished:
            raise UpstreamProtocolError(
                "the upstream ended its stream in the middle of the answer"
            )

    def _frame(self, record: SseRecord) -> Frame | None:
        data, proper = read_object(record.data, "an event")
        if not proper:
            record = SseRecord(b"", record.name)  # it has to be written anew
        if failure := reported_error(data):
            raise failure
        choices = data.get("choices")
        if not isinstance(choices, list):
            return self._without_choices(record, data)
        events = self._events(data, choices)
        if self._choices.changed or b"\n" in record.data:
            self._choices.changed = False
            return Frame(b"", data, events)
        if text := text_alone(data):
            self._like = likeness_of(_event(record.data), text)
            self._like_index = choice_index(choices[0])
        return Frame(record.data, data, events)

    def _without_choices(self, record: SseRecord, data: dict[str, Any]) -> Frame | None:
        """An event that is nothing but usage, or one of a name that says nothing to us."""
        if record.name == b"error":
            raise error_of(500, data)
        if usage := read_usage(data):
            data["choices"] = []
            return Frame(b"", data, [UsageReported(usage)])
        if record.name in (b"", b"message"):
            raise UpstreamProtocolError("the upstream sent an event without choices")
        return None

    def _events(self, data: dict[str, Any], choices: list[Any]) -> list[Event]:
        events: list[Event] = []
        for choice in choices:
            if not isinstance(choice, dict):
                raise UpstreamProtocolError(
                    "the upstream sent a choice that is no object"
                )
            index = choice_index(choice)
            if index not in self._open:
                self._open.add(index)
                events.append(Started(index))
            if self._choices.read(index, choice, events):
                self._finished.add(index)
        if (data.get("usage") or self._finished) and (usage := read_counts(data)):
            events.append(UsageReported(usage))
        return events


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


class StreamEncoder:
    """Writes one client's stream: only `data:` lines, one JSON object each."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, request: Request, stamp: Stamp) -> None:
        self._chunks = ChunkWriter(request, stamp)
        self._model = request.model
        self._usage_asked = request.usage_asked
        self._object = OBJECTS[request.operation]
        self._identity: dict[str, Any] = {}
        self._said_before: int | None = None
        self._like: object = None
        self._as_like: Likeness | None = None

    def pass_on(self, frame: Frame | LikeFrame) -> bytes:
        """The frame as it came; written anew only where it must be.

        The reasons: another model name than was asked for, a wrong `object`, usage that
        the client did not ask for, data that stood on several lines, another upstream
        that goes on with the answer.
        """
        if isinstance(frame, LikeFrame):
            return self._pass_like(frame)
        return self._write(frame.raw, frame.data)

    def _pass_like(self, frame: LikeFrame) -> bytes:
        if frame.like is self._like and self._as_like:
            return self._as_like.with_text(frame.text)
        event = self._write(frame.raw, orjson.loads(frame.raw))
        if frame.like is not self._like:
            self._like = frame.like
            self._as_like = likeness_of(event, frame.text)
        return event

    def _write(self, raw: bytes, data: dict[str, Any]) -> bytes:
        changed = not raw
        if changed:
            self._identify(data)
        if self._said_before is not None:
            self._join(data, self._said_before)
            changed = True
        elif not self._identity and data["choices"]:
            self._identity = {name: data.get(name) for name in ("id", "created")}
        if data.get("model") != self._model:
            data["model"] = self._model
            changed = True
        if data.get("object") != self._object:
            data["object"] = self._object
            changed = True
        if not self._usage_asked and data.get("usage"):
            if not data["choices"]:
                return b""
            del data["usage"]
            changed = True
        return _event(written(data) if changed else raw)

    def _identify(self, data: dict[str, Any]) -> None:
        """Give a chunk what all of a stream have in common, where it lacks that."""
        for name, value in self._identity.items():
            if value is not None and data.get(name) is None:
                data[name] = value

    def encode(self, events: Sequence[Event], at: float) -> bytes:
        """Chunks of our own; when they are written does not show in them."""
        return self._chunks.encode(events)

    def text(self, choice: int, text: str, at: float) -> bytes:
        """See Encoder."""
        return self._chunks.text(choice, text)

    def resume(self, tokens: int) -> None:
        """See Encoder."""
        self._said_before = tokens
        self._chunks.said_before = tokens

    def _join(self, data: dict[str, Any], said: int) -> None:
        """Make a chunk of another upstream one of the stream that was begun."""
        data.update(self._identity)
        for choice in data["choices"]:
            if isinstance(delta := choice.get("delta"), dict):
                delta.pop("role", None)  # clients would join the two
        if usage := read_usage(data):
            usage = usage.shifted(said)
            data["usage"]["prompt_tokens"] = usage.prompt
            data["usage"]["completion_tokens"] = usage.completion

    def heartbeat(self) -> bytes:
        """A comment, which every client skips."""
        return HEARTBEAT

    def fail(self, error: GatewayError) -> bytes:
        """One nested error event; no `[DONE]` follows it."""
        return b"data: " + orjson.dumps({"error": error_body(error)}) + b"\n\n"

    def close(self, at: float) -> bytes:
        """The terminator, exactly as the Node client compares it."""
        return self._chunks.close()
