"""One stream through the reader and the relay's answer, as a value that can be compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from llmwrap.canonical.answers import Stamp
from llmwrap.canonical.events import (
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.base import Frame
from llmwrap.dialects.openai import OpenAI
from llmwrap.dialects.openai.stream import StreamReader
from llmwrap.errors import GatewayError
from llmwrap.exchange import Exchange
from llmwrap.relay.answers import StreamAnswer
from tests.fakes.golden import GoldenChoice, GoldenToolCall

ASKED = "asked-for"
AT = 0.5
"""Seconds after the request began; a stream that passes does not show them."""

STAMP = Stamp("abc", 1700000000.0)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a stream: frames, the client's bytes, the failure, the noted facts."""

    frames: tuple[Frame, ...]
    sent: bytes
    failure: tuple[type[GatewayError], int, str, str] | None
    usage: Usage | None
    finish_reasons: dict[int, str]

    @property
    def events(self) -> list[Event]:
        return [event for frame in self.frames for event in frame.events]


class _Recording(StreamReader):
    """Keeps what it yields, before anybody changes it."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []

    def feed(self, data: bytes) -> Iterator[Frame]:
        for frame in super().feed(data):
            data = orjson.loads(frame.raw) if frame.raw else dict(frame.data)
            self.frames.append(Frame(frame.raw, data, frame.events))
            yield frame


class _Dialect(OpenAI):
    def __init__(self) -> None:
        self.reader = _Recording()

    def frame_reader(self) -> _Recording:
        return self.reader


def stream_request(operation: Operation = "chat", model: str = ASKED) -> Request:
    """A streaming request that does not ask for usage."""
    return Request(operation, model, stream=True, body={})


def new_exchange() -> Exchange:
    return Exchange("req_1", "req_1", "POST", "/v1/chat/completions", "", 0.0)


def run_stream(request: Request, pieces: Iterable[bytes]) -> Told:
    """Feed `pieces` as the relay does: until the answer has ended or failed."""
    dialect, exchange = _Dialect(), new_exchange()
    answer = StreamAnswer(
        dialect.frame_reader(),
        dialect.encoder(request, STAMP),
        exchange,
        hold_empty=False,
    )
    sent = []
    for piece in pieces:
        sent.append(answer.feed(piece, AT))
        if answer.ended or answer.failure:
            break
    else:
        sent.append(answer.end(AT))
    error = answer.failure
    return Told(
        tuple(dialect.reader.frames),
        b"".join(sent),
        error and (type(error), error.status, error.code, error.message),
        exchange.usage,
        exchange.finish_reasons,
    )


def put_together(events: Iterable[Event]) -> tuple[GoldenChoice, ...]:
    """The choices of a stream, by index, in the form of the golden index."""
    events = list(events)
    indexes = sorted(event.index for event in events if isinstance(event, Started))
    return tuple(_choice(index, events) for index in indexes)


def _choice(index: int, events: list[Event]) -> GoldenChoice:
    mine = [event for event in events if getattr(event, "index", None) == index]
    reasons = [event.reason for event in mine if isinstance(event, Finished)]
    pieces = [event for event in mine if isinstance(event, ToolCallDelta)]
    return GoldenChoice(
        index,
        text="".join(event.text for event in mine if isinstance(event, TextDelta)),
        reasoning="".join(
            event.text for event in mine if isinstance(event, ReasoningDelta)
        ),
        tool_calls=tuple(
            _tool_call(number, [piece for piece in pieces if piece.call == number])
            for number in sorted({piece.call for piece in pieces})
        ),
        finish_reason=reasons[-1] if reasons else None,
    )


def _tool_call(number: int, pieces: list[ToolCallDelta]) -> GoldenToolCall:
    return GoldenToolCall(
        number,
        id=next((piece.id for piece in pieces if piece.id), ""),
        name=next((piece.name for piece in pieces if piece.name), ""),
        arguments="".join(piece.arguments for piece in pieces),
    )
