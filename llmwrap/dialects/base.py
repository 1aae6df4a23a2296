"""What a wire format must be able to do. `Dialect` and `Encoder` are the only protocols here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from llmwrap.canonical.answers import Stamp, Took, Vectors, WholeAnswer
from llmwrap.canonical.events import Event, TextDelta
from llmwrap.canonical.messages import Operation, Request
from llmwrap.canonical.tasks import Target, Task
from llmwrap.errors import GatewayError
from llmwrap.settings.values import Media, PoolSettings, ServiceSettings

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One line of a dialect's route table: the path below a service's prefix.

    `form` tells the ways of asking for one operation apart, where there are several; which
    operation it is shows in the request itself then.
    """

    method: str
    path: str
    operation: Operation
    form: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its upstream lists it; `extra` holds what else the upstream tells.

    `only_embeds` is whether that says that it makes vectors, and no text.
    """

    id: str
    created: int
    extra: Mapping[str, Any]
    only_embeds: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A model under the name by which a service offers it; `pool` is what the operator says."""

    name: str
    model: Model
    pool: PoolSettings
    owned_by: str


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to an upstream: a path below its base URL, own headers, the body.

    `ours` are the body's fields that the client did not write in these words, so that they may
    be mended where the upstream refuses them.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    ours: tuple[str, ...] = ()


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

    def encode(self, events: Sequence[Event], at: float) -> bytes:
        """What another dialect's frame says; `at` is seconds since the request began.

        b"" where that says nothing to this client. A stream is either passed on or encoded.
        """

    def text(self, choice: int, text: str, at: float) -> bytes:
        """The same for a frame that is only more text of a choice: nearly all are."""

    def resume(self, tokens: int) -> None:
        """The frames that follow come from another upstream, after `tokens` were said.

        To the client it stays one answer: one id, one role, one count of tokens.
        """

    def heartbeat(self) -> bytes: ...

    def fail(self, error: GatewayError) -> bytes:
        """The one terminal error; nothing may follow it."""

    def close(self, at: float) -> bytes:
        """The one terminal success; GatewayError where what was encoded cannot be ended well."""


class Dialect(Protocol):
    """A wire format, as a client speaks it to us and as we speak it to an upstream.

    `tagged_names` is whether `x` and `x:latest` name one model of its servers, `json_type` the
    Content-Type of its whole answers.
    """

    name: str
    owned_by: str
    tagged_names: bool
    json_type: str
    routes: tuple[RouteRule, ...]

    def read_request(
        self,
        rule: RouteRule,
        body: bytes,
        service: ServiceSettings,
        media: Media,
    ) -> Request:
        """What came by `rule`; 400 with the field's path. `model` is "" when absent."""

    def check_model(self, request: Request, pool: PoolSettings) -> None:
        """400 where a model of `pool` cannot do what is asked, as far as the operator tells."""

    def render_models(self, offers: Sequence[Offer]) -> bytes:
        """The list of what a service offers."""

    def render_model(self, offer: Offer) -> bytes:
        """What is told of one model."""

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

    def frame_reader(self) -> FrameReader:
        """For one stream of an upstream of this dialect."""

    def encoder(self, request: Request, stamp: Stamp) -> Encoder:
        """For one stream of a client of this dialect."""

    def pass_answer(
        self, request: Request, body: bytes
    ) -> tuple[bytes, tuple[Event, ...]]:
        """A plain answer of the same dialect as it leaves, and the events in it."""

    def read_task(self, request: Request) -> Task:
        """The client's request as another dialect can write it; 400 for what none can."""

    def render_task(
        self, task: Task, target: Target, *, stream: bool
    ) -> Sequence[Call]:
        """`task` for an upstream of this dialect: several calls where one cannot say it all.

        They are made one after another, and each is written when its turn has come; the choices
        and vectors of each count on from those of the one before. InvalidRequest for what this
        dialect has no words for.
        """

    def read_answer(self, body: bytes) -> tuple[Event, ...]:
        """The events in an upstream's plain answer, each choice whole."""

    def read_vectors(self, body: bytes) -> Vectors:
        """The vectors in an upstream's answer to an embedding, in the order of the texts."""

    def render_idle(self, request: Request, stamp: Stamp) -> bytes:
        """The answer to a request that is `idle`."""

    def render_answer(
        self, request: Request, stamp: Stamp, answer: WholeAnswer, took: Took
    ) -> bytes:
        """A plain answer for a client of this dialect."""

    def render_vectors(
        self, request: Request, stamp: Stamp, vectors: Vectors, took: Took
    ) -> bytes:
        """The vectors for a client of this dialect, fitted to what it asked for."""

    def read_error(self, status: int, body: bytes) -> GatewayError:
        """What an upstream's error answer means for the client."""

    def mended(self, call: Call, error: GatewayError) -> Call | None:
        """`call` as the upstream may take it after `error`; None where nothing can be done.

        The same call where it is worth being made once more.
        """

    def models_call(self) -> Call: ...

    def read_models(self, body: bytes) -> tuple[Model, ...]:
        """The upstream's own list; UpstreamProtocolError when it is none."""
