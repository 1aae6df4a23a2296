"""What a wire format must be able to do. `Dialect` and `Encoder` are the only protocols here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from llmwrap.canonical.events import Event, TextDelta
from llmwrap.canonical.messages import Operation, Request
from llmwrap.errors import GatewayError
from llmwrap.settings.values import Media, ServiceSettings

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One line of a dialect's route table: the path below a service's prefix."""

    method: str
    path: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its upstream lists it; `extra` holds what else the upstream tells."""

    id: str
    created: int
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to an upstream: a path below its base URL, own headers, the body."""

    method: str
    path: str
    headers: Headers
    body: bytes


class Frame(NamedTuple):
    """One record of a stream: its JSON, that JSON's bytes, and the events in it.

    `raw` is single-line and may leave as it came; it is empty when it has to be written anew.
    """

    raw: bytes
    data: dict[str, Any]
    events: Sequence[Event]


class LikeFrame(NamedTuple):
    """A frame that is, but for its `text`, the one that `like` was made of.

    It has not been parsed: most of a stream is such frames, and each step counts.
    """

    raw: bytes
    like: object
    choice: int
    text: str

    @property
    def events(self) -> Sequence[Event]:
        """All that is in it."""
        return (TextDelta(self.choice, self.text),)


class FrameReader(Protocol):
    """Bytes of an upstream's stream in, frames out; one per stream.

    `feed` raises a GatewayError where the stream reports or is an error; the frames before it
    have been yielded by then. `ended` turns true at the protocol's own terminator; `end` is
    called at the end of the bytes and raises when the answer is not complete.
    """

    ended: bool

    def feed(self, data: bytes) -> Iterable[Frame | LikeFrame]: ...

    def end(self) -> None: ...


class Encoder(Protocol):
    """Writes one stream in the client's dialect; every method gives bytes for the client."""

    content_type: str

    def pass_on(self, frame: Frame | LikeFrame) -> bytes:
        """A frame of the same dialect, changed only where it must be."""

    def resume(self, tokens: int) -> None:
        """The frames that follow come from another upstream, after `tokens` were said.

        To the client it stays one answer: one id, one role, one count of tokens.
        """

    def heartbeat(self) -> bytes: ...

    def fail(self, error: GatewayError) -> bytes:
        """The one terminal error; nothing may follow it."""

    def close(self) -> bytes:
        """The one terminal success."""


class Dialect(Protocol):
    """A wire format, as a client speaks it to us and as we speak it to an upstream."""

    name: str
    owned_by: str
    routes: tuple[RouteRule, ...]

    def read_request(
        self,
        operation: Operation,
        body: bytes,
        service: ServiceSettings,
        media: Media,
    ) -> Request:
        """The client's request; 400 with the field's path. `model` is "" when absent."""

    def render_error(
        self, error: GatewayError, service: ServiceSettings
    ) -> tuple[int, Headers, bytes]:
        """Status, headers and body of an error answer."""

    def render_call(
        self, request: Request, model: str, defaults: Mapping[str, Any]
    ) -> Call:
        """What goes upstream, without credentials; `model` is the upstream's name for it."""

    def may_continue(self, request: Request) -> bool:
        """Whether a broken answer to `request` could be continued by another upstream."""

    def render_continuation(self, call: Call, text: str, way: str) -> Call:
        """`call` again, with the `text` that was said; `way` as in the pool's `rescue`."""

    def conversation(self, request: Request) -> bytes:
        """What stays the same over the turns of a conversation; b"" where there is none."""

    def credentials(self, api_key: str) -> Headers:
        """The headers that carry an upstream's key; none for an empty key."""

    def frame_reader(self, request: Request) -> FrameReader: ...

    def encoder(self, request: Request) -> Encoder: ...

    def pass_answer(
        self, request: Request, body: bytes
    ) -> tuple[bytes, tuple[Event, ...]]:
        """A plain answer of the same dialect as it leaves, and the events in it."""

    def read_error(self, status: int, body: bytes) -> GatewayError:
        """What an upstream's error answer means for the client."""

    def models_call(self) -> Call: ...

    def read_models(self, body: bytes) -> tuple[Model, ...]:
        """The upstream's own list; UpstreamProtocolError when it is none."""
