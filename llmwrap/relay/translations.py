"""An upstream's answer on its way to a client of another dialect: read, joined, written anew.

Like `answers`, whose shapes these are. One Translation holds together the answers to all calls
of a request.
"""

from collections.abc import Sequence
from dataclasses import replace

from llmwrap.canonical.answers import Took, Vectors, fold
from llmwrap.canonical.events import Event, Usage, UsageReported
from llmwrap.canonical.joining import Joint
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import Embedding
from llmwrap.canonical.think_tags import ThinkTags
from llmwrap.dialects.base import Dialect, Encoder, Frame, LikeFrame
from llmwrap.errors import EmptyAnswer, UpstreamProtocolError
from llmwrap.exchange import Exchange
from llmwrap.relay.answers import PlainAnswer, StreamAnswer, has_content, note
from llmwrap.relay.plans import Plan


class Translation:
    """What is told of one request by all its calls so far; times are seconds since it began."""

    def __init__(
        self, dialect: Dialect, request: Request, exchange: Exchange, plan: Plan
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._plan = plan
        self._joint = Joint(plan.repeats)
        self._thoughts = ThinkTags() if plan.think_tags else None
        self._left = len(plan.calls)
        self._events: list[Event] = []
        self._rows: list[Sequence[float]] = []
        self._whole = (0, 0)  # how many of both are of calls that were answered
        self._accepted_at = 0.0
        self._heard_at: float | None = None
        self.exchange = exchange

    @property
    def dialect(self) -> Dialect:
        """The upstream's."""
        return self._plan.dialect

    @property
    def last(self) -> bool:
        """Whether this is the last call."""
        return self._left == 1

    @property
    def changes_text(self) -> bool:
        """Whether a piece of text may be told as anything else."""
        return self._thoughts is not None or len(self._plan.calls) > 1

    def forget(self) -> None:
        """Let go of what was asked: its only call is being answered, piece by piece."""
        self._request = replace(self._request, body={})
        self._plan = replace(self._plan, calls=(), task=None)

    def begin(self) -> None:
        """The call is made, perhaps once more."""
        events, rows = self._whole
        del self._events[events:]
        del self._rows[rows:]
        self._joint.begin()
        self._thoughts = ThinkTags() if self._plan.think_tags else None

    def end(self) -> None:
        """The call is answered, and another follows."""
        self._joint.end()
        self._left -= 1
        self._whole = len(self._events), len(self._rows)

    def opened(self, at: float) -> None:
        """An upstream took the call; of several, the first counts."""
        if self._left == len(self._plan.calls):
            self._accepted_at, self._heard_at = at, None

    def heard(self, at: float) -> None:
        """Something of an answer has come."""
        if self._heard_at is None:
            self._heard_at = at

    def joined(self, events: Sequence[Event]) -> Sequence[Event]:
        """`events` of the call as those of the whole answer; noted."""
        if self._thoughts:
            events = self._thoughts.filter(events)
        return self._noted(events)

    def rest(self) -> Sequence[Event]:
        """What was held of the call's answer, which is over."""
        return self._noted(self._thoughts.end()) if self._thoughts else ()

    def _noted(self, events: Sequence[Event]) -> Sequence[Event]:
        if len(self._plan.calls) > 1:
            events = self._joint.take(events)
        note(self.exchange, events)
        return events

    def read(self, body: bytes) -> None:
        """Take in the plain answer to the call."""
        if not isinstance(self._plan.task, Embedding):
            self._events += self.joined(self.dialect.read_answer(body))
            self._events += self.rest()
            return
        vectors = self.dialect.read_vectors(body)
        self._rows += vectors.rows
        if vectors.prompt is not None:
            self._events += self.joined((UsageReported(Usage(vectors.prompt)),))

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return not has_content(self._events)

    def render(self, at: float) -> bytes:
        """The whole answer, complete `at`."""
        request, stamp = self._request, self.exchange.stamp
        answer = fold(self._events)
        task = self._plan.task
        if not isinstance(task, Embedding):
            return self._dialect.render_answer(request, stamp, answer, self._took(at))
        if len(self._rows) != len(task.inputs):
            raise UpstreamProtocolError(
                f"the upstream sent {len(self._rows)} vectors for {len(task.inputs)} texts"
            )
        vectors = Vectors(self._rows, answer.usage.prompt if answer.usage else None)
        return self._dialect.render_vectors(request, stamp, vectors, self._took(at))

    def _took(self, at: float) -> Took:
        accepted = self._accepted_at
        heard = at if self._heard_at is None else self._heard_at
        return Took(accepted, heard - accepted, at - heard)


class TranslatedStream(StreamAnswer):
    """A stream that is written anew, frame by frame."""

    def __init__(
        self, encoder: Encoder, translation: Translation, *, hold_empty: bool
    ) -> None:
        reader = translation.dialect.frame_reader()
        super().__init__(reader, encoder, translation.exchange, hold_empty=hold_empty)
        self._listens |= translation.changes_text
        self._translation = translation

    def _write_like(self, frame: LikeFrame, at: float) -> bytes:
        self._exchange.delivered += 1
        return self._encoder.text(frame.choice, frame.text, at)

    def _write(self, frame: Frame | LikeFrame, at: float) -> bytes:
        return self._encoder.encode(self._translation.joined(frame.events), at)

    def _close(self, at: float) -> bytes:
        rest = self._translation.rest()
        return (self._encoder.encode(rest, at) if rest else b"") + self._closing(at)

    def _closing(self, at: float) -> bytes:
        if self._translation.last or self._held is not None:
            return super()._close(at)
        self.ended = True
        return b""


class TranslatedPlain(PlainAnswer):
    """A whole answer that is written anew, once the last call is answered."""

    def __init__(
        self,
        dialect: Dialect,
        request: Request,
        translation: Translation,
        *,
        refuse_empty: bool,
    ) -> None:
        exchange = translation.exchange
        super().__init__(dialect, request, exchange, refuse_empty=refuse_empty)
        self._translation = translation

    def feed(self, data: bytes, at: float) -> bytes:
        """Keep `data`."""
        self._translation.heard(at)
        return super().feed(data, at)

    def _written(self, body: bytes, at: float) -> bytes:
        translation = self._translation
        translation.read(body)
        if not translation.last:
            return b""
        if self._refuse_empty and translation.empty:
            raise EmptyAnswer("the model returned nothing")
        return translation.render(at)
