"""What happens to the bytes of one upstream answer on their way to the client.

Two shapes with one face: a stream, frame by frame, and a plain answer, whole. No IO, no clock.
`feed` and `end` give the bytes that may leave now. What goes wrong is kept in `failure`, so that
what was whole before it still leaves; `ended` says that nothing more is wanted of the upstream.
"""

from collections.abc import Sequence
from typing import Protocol

from llmwrap.canonical.events import (
    CONTENT,
    Event,
    Finished,
    TextDelta,
    UsageReported,
)
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Dialect, Encoder, Frame, FrameReader
from llmwrap.errors import EmptyAnswer, GatewayError, UpstreamProtocolError
from llmwrap.exchange import Exchange

MAX_ANSWER_BYTES = 67_108_864
MAX_ERROR_BYTES = 65_536


class Answer(Protocol):
    """One upstream answer being relayed."""

    content_type: str
    streamed: bool
    ended: bool
    failure: GatewayError | None

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class StreamAnswer:
    """A stream that passes in frames. With `hold_empty` nothing leaves before some content.

    The encoder is the client's: it may have begun the stream with another upstream's answer.
    """

    streamed = True

    def __init__(
        self,
        reader: FrameReader,
        encoder: Encoder,
        exchange: Exchange,
        *,
        hold_empty: bool,
    ) -> None:
        self._reader = reader
        self._encoder = encoder
        self.content_type = self._encoder.content_type
        self._exchange = exchange
        self._held: list[bytes] | None = [] if hold_empty else None
        self._listens = exchange.transcript is not None
        self.ended = False
        self.failure: GatewayError | None = None

    def feed(self, data: bytes) -> bytes:
        """The frames that `data` completes, as the client is to have them."""
        out: list[bytes] = []
        try:
            for frame in self._reader.feed(data):
                if self._listens or isinstance(frame, Frame):
                    _note(self._exchange, frame.events)
                out.append(self._encoder.pass_on(frame))
                if self._held is not None and _has_content(frame.events):
                    out = self._held + out
                    self._held = None
        except GatewayError as error:
            self.failure = error
        if self._reader.ended:
            out.append(self._close())
        return self._hold(out)

    def end(self) -> bytes:
        """The upstream's bytes are over: the terminator if the answer is complete."""
        try:
            self._reader.end()
        except GatewayError as error:
            self.failure = error
            return b""
        return self._hold([self._close()])

    def _close(self) -> bytes:
        self.ended = True
        if self._held is not None:
            self.failure = EmptyAnswer("the model returned nothing")
            return b""
        return self._encoder.close()

    def _hold(self, out: list[bytes]) -> bytes:
        if self._held is None:
            return out[0] if len(out) == 1 else b"".join(out)
        self._held += out
        return b""


class PlainAnswer:
    """A whole answer: it leaves when it is complete and has been read."""

    content_type = "application/json"
    streamed = False

    def __init__(
        self,
        dialect: Dialect,
        request: Request,
        exchange: Exchange,
        *,
        refuse_empty: bool,
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._exchange = exchange
        self._refuse_empty = refuse_empty
        self._parts: list[bytes] = []
        self._size = 0
        self.ended = False
        self.failure: GatewayError | None = None

    def feed(self, data: bytes) -> bytes:
        """Keep `data`; nothing leaves before the end."""
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self.failure = UpstreamProtocolError(
                f"the upstream's answer is over {MAX_ANSWER_BYTES} bytes"
            )
        else:
            self._parts.append(data)
        return b""

    def end(self) -> bytes:
        """The answer as it leaves."""
        self.ended = True
        try:
            body, events = self._dialect.pass_answer(
                self._request, b"".join(self._parts)
            )
        except GatewayError as error:
            self.failure = error
            return b""
        _note(self._exchange, events)
        if self._refuse_empty and not _has_content(events):
            self.failure = EmptyAnswer("the model returned nothing")
            return b""
        return body


class ErrorAnswer:
    """An answer that is no success: read up to a bound, then it is the failure it tells of."""

    content_type = "application/json"
    streamed = False

    def __init__(self, dialect: Dialect, status: int) -> None:
        self._dialect = dialect
        self._status = status
        self._body = b""
        self.ended = False
        self.failure: GatewayError | None = None

    def feed(self, data: bytes) -> bytes:
        """Keep `data`; the first 64 KiB are enough for a message."""
        self._body += data
        if len(self._body) > MAX_ERROR_BYTES:
            self._body = self._body[:MAX_ERROR_BYTES]
            self.end()
        return b""

    def end(self) -> bytes:
        """Never any bytes: `failure` is set."""
        self.ended = True
        self.failure = self._dialect.read_error(self._status, self._body)
        return b""


def _note(exchange: Exchange, events: Sequence[Event]) -> None:
    for event in events:
        if type(event) is UsageReported:
            exchange.usage = event.usage.shifted(exchange.rescued)
        elif type(event) is Finished:
            exchange.finish_reasons[event.index] = event.reason
    if exchange.transcript:
        for event in events:
            exchange.transcript.note(event)


def _has_content(events: Sequence[Event]) -> bool:
    """Whether something of an answer is in `events`; white space alone is nothing."""
    return any(
        event.text.strip() if type(event) is TextDelta else isinstance(event, CONTENT)
        for event in events
    )
