"""What happens to the bytes of one upstream answer on their way to the client.

Two shapes with one face: a stream, frame by frame, and a plain answer, whole. No IO, no clock.
`feed` and `end` give the bytes that may leave now; `at` is seconds since the request began. What
goes wrong is kept in `failure`, so that what was whole before it still leaves; `ended` says that
nothing more is wanted of the upstream.
"""

from collections.abc import Sequence
from typing import Protocol

from llmwrap.canonical.events import (
    CONTENT,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Dialect, Encoder, Frame, FrameReader, LikeFrame
from llmwrap.errors import (
    EmptyAnswer,
    GatewayError,
    UpstreamError,
    UpstreamMute,
    UpstreamProtocolError,
)
from llmwrap.exchange import Exchange

MAX_ANSWER_BYTES = 67_108_864
MAX_ERROR_BYTES = 65_536

_CHARACTERS_PER_TOKEN = 4


class Answer(Protocol):
    """One upstream answer being relayed."""

    content_type: str
    streamed: bool
    ended: bool
    failure: GatewayError | None

    def feed(self, data: bytes, at: float) -> bytes: ...

    def end(self, at: float) -> bytes: ...


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

    def feed(self, data: bytes, at: float) -> bytes:
        """The frames that `data` completes, as the client is to have them."""
        out: list[bytes] = []
        try:
            frames = self._reader.feed(data)
            if type(frames) is tuple and len(frames) == 1 and self._held is None:
                frame = frames[0]
                if type(frame) is LikeFrame and not self._listens:
                    return self._write_like(frame, at)  # nearly always
            for frame in frames:
                out.append(self._write(frame, at))
                if self._held is not None and has_content(frame.events):
                    out = self._held + out
                    self._held = None
        except GatewayError as error:
            self.failure = error
        if self._reader.ended:
            out.append(self._close(at))
        return self._hold(out)

    def end(self, at: float) -> bytes:
        """The upstream's bytes are over: the terminator if the answer is complete."""
        try:
            self._reader.end()
        except GatewayError as error:
            self.failure = error
            return b""
        return self._hold([self._close(at)])

    def _write_like(self, frame: LikeFrame, at: float) -> bytes:
        self._exchange.delivered += 1
        return self._encoder.pass_on(frame)

    def _write(self, frame: Frame | LikeFrame, at: float) -> bytes:
        if not self._listens and isinstance(frame, LikeFrame):
            return self._write_like(frame, at)
        note(self._exchange, frame.events)
        return self._encoder.pass_on(frame)

    def _close(self, at: float) -> bytes:
        self.ended = True
        try:
            if self._held is not None:
                raise EmptyAnswer("the model returned nothing")
            return self._encoder.close(at)
        except GatewayError as error:
            self.failure = error
            return b""

    def _hold(self, out: list[bytes]) -> bytes:
        if self._held is None:
            return out[0] if len(out) == 1 else b"".join(out)
        self._held += out
        return b""


class PlainAnswer:
    """A whole answer: it leaves when it is complete and has been read."""

    streamed = False

    def __init__(
        self,
        dialect: Dialect,
        request: Request,
        exchange: Exchange,
        *,
        refuse_empty: bool,
    ) -> None:
        self.content_type = dialect.json_type
        self._dialect = dialect
        self._request = request
        self._exchange = exchange
        self._refuse_empty = refuse_empty
        self._parts: list[bytes] = []
        self._size = 0
        self.ended = False
        self.failure: GatewayError | None = None

    def feed(self, data: bytes, at: float) -> bytes:
        """Keep `data`; nothing leaves before the end."""
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self.failure = UpstreamProtocolError(
                f"the upstream's answer is over {MAX_ANSWER_BYTES} bytes"
            )
        else:
            self._parts.append(data)
        return b""

    def end(self, at: float) -> bytes:
        """The answer as it leaves."""
        self.ended = True
        try:
            return self._written(b"".join(self._parts), at)
        except GatewayError as error:
            self.failure = error
            return b""

    def _written(self, body: bytes, at: float) -> bytes:
        body, events = self._dialect.pass_answer(self._request, body)
        note(self._exchange, events)
        if self._refuse_empty and not has_content(events):
            raise EmptyAnswer("the model returned nothing")
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

    def feed(self, data: bytes, at: float) -> bytes:
        """Keep `data`; the first 64 KiB are enough for a message."""
        self._body += data
        if len(self._body) > MAX_ERROR_BYTES:
            self._body = self._body[:MAX_ERROR_BYTES]
            self.end(at)
        return b""

    def end(self, at: float) -> bytes:
        """Never any bytes: `failure` is set."""
        self.ended = True
        self.failure = self._dialect.read_error(self._status, self._body)
        if isinstance(self.failure, UpstreamMute) and self._body.strip():
            # Words or not, who still answers with a page was not killed by the request.
            self.failure = UpstreamError(self.failure.message)
        return b""


def note(exchange: Exchange, events: Sequence[Event]) -> None:
    """Note what `events` tell of the answer as a whole."""
    for event in events:
        if type(event) is UsageReported:
            exchange.usage = event.usage.shifted(exchange.rescued)
        elif type(event) is Finished:
            exchange.finish_reasons[event.index] = event.reason
        elif isinstance(event, CONTENT):
            exchange.delivered += _tokens(event)
    if exchange.transcript:
        for event in events:
            exchange.transcript.note(event)


def _tokens(event: TextDelta | ReasoningDelta | ToolCallDelta) -> int:
    """About how many tokens one piece of an answer has; usually it is one."""
    text = event.arguments if isinstance(event, ToolCallDelta) else event.text
    return max(1, len(text) // _CHARACTERS_PER_TOKEN)


def has_content(events: Sequence[Event]) -> bool:
    """Whether something of an answer is in `events`; white space alone is nothing."""
    return any(
        event.text.strip() if type(event) is TextDelta else isinstance(event, CONTENT)
        for event in events
    )
