"""The way of one model request: attempts until the first byte, then the answer to its end.

Sans-IO: a driver tells it what happened and does what it says next. No socket, no thread, no
clock; `now` is monotonic seconds. Retry rule: another upstream is asked only while nothing has
been given to the client, only for errors that say so, at most `MAX_ATTEMPTS` times in all, and
never the same upstream twice. After the first byte there is one terminal error event.
"""

from dataclasses import dataclass, replace

from llmwrap.answers import Answer, ErrorAnswer, PlainAnswer, StreamAnswer
from llmwrap.attempts import Attempts
from llmwrap.canonical.messages import Request
from llmwrap.canonical.transcript import Transcript
from llmwrap.deadlines import Deadlines
from llmwrap.dialects.base import Dialect, Headers
from llmwrap.errors import (
    Draining,
    GatewayError,
    ModelNotFound,
    Overloaded,
    UpstreamModelMissing,
    UpstreamOverran,
    UpstreamProtocolError,
    UpstreamTimeout,
)
from llmwrap.exchange import Exchange, Outcome
from llmwrap.heads import Head, error_head, plain_head, stream_head
from llmwrap.routing import Route
from llmwrap.settings.values import ServiceSettings, Timeouts
from llmwrap.steps import WAIT, Finish, Give, Open, Queue, Step
from llmwrap.upstreams.affinity import conversation_key
from llmwrap.upstreams.pool import Lease
from llmwrap.upstreams.upstream import Upstream
from llmwrap.upstreams.waiting import Ticket


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every request of one service: the client's dialect, settings, deadlines."""

    dialect: Dialect
    service: ServiceSettings
    timeouts: Timeouts


_OUTCOMES: dict[type[GatewayError], Outcome] = {
    UpstreamTimeout: "gateway_timeout",
    UpstreamOverran: "gateway_timeout",
    Draining: "drained",
}
"""How an answer that had begun came to its end; all else is the upstream's doing."""


class Relay:
    """One request, one answer. Not thread-safe: one driver at a time tells it things."""

    def __init__(
        self, terms: Terms, request: Request, route: Route, exchange: Exchange
    ) -> None:
        dialect = self._dialect = terms.dialect
        self._service = terms.service
        self._timeouts = terms.timeouts
        self._request = request
        self._route = route
        self.exchange = exchange
        defaults = request.defaults if route.pool.inject_defaults else {}
        call = dialect.render_call(request, route.upstream_model, defaults)
        self._call = replace(call, headers=(*call.headers, *_tracing(exchange)))
        self._encoder = dialect.encoder(request) if request.stream else None
        self._deadlines = Deadlines(
            terms.timeouts, exchange.started, heartbeats=request.stream
        )
        self._attempts = Attempts(route, exchange, call.body)
        if route.pool.affine:
            told = exchange.session.encode() or dialect.conversation(request)
            self._attempts.prefer(conversation_key(route.model, told))
        self._ticket: Ticket[Lease] | None = None
        self._answer: Answer | None = None
        self._queued_at = 0.0
        self.head: Head | None = None
        self.ended = False
        if route.pool.rescue != "off" and dialect.may_continue(request):
            exchange.transcript = Transcript()

    @property
    def deadline(self) -> float:
        """When the request fails, should nothing happen until then."""
        return self._deadlines.at

    def wake_at(self, now: float) -> float:
        """When `tick` is due, whatever happens until then."""
        return self._deadlines.wake_at(now)

    def start(self, now: float) -> Step:
        """Begin: find an upstream with room, or queue up for one."""
        if now >= self._deadlines.total:
            return self._refuse(now, self._deadlines.error(now))
        try:
            upstream = self._attempts.begin(now, self._deadlines.total)
            return self._open(now, upstream) if upstream else self._queue(now)
        except GatewayError as error:
            return self._refuse(now, error)

    def granted(self, now: float) -> Step:
        """The turn in the queue has come."""
        ticket = self._ticket
        if ticket is None or ticket.lease is None:
            return WAIT
        self._ticket = None
        self.exchange.queued_s = now - self._queued_at
        return self._open(now, self._attempts.take(ticket.lease, now))

    def opened(
        self, now: float, status: int, content_type: str, rest_s: float | None = None
    ) -> Step:
        """The upstream's answer begins; `rest_s` is what it said in `Retry-After`."""
        self._attempts.opened(status, rest_s)
        self._answer = self._answer_for(status, content_type)
        return self.tick(now)

    def feed(self, now: float, data: bytes) -> Step:
        """Bytes of the upstream's answer."""
        assert self._answer
        if now >= self._deadlines.total:
            return self.tick(now)
        self._deadlines.received(now)
        return self._after(now, self._answer.feed(data))

    def eof(self, now: float) -> Step:
        """The upstream's answer is over, properly framed."""
        assert self._answer
        return self._after(now, self._answer.end())

    def failed(self, now: float, error: GatewayError) -> Step:
        """The upstream could not be reached, or its connection broke."""
        return self._fail(now, error, b"")

    def tick(self, now: float) -> Step:
        """Time has passed: fails when the deadline has, otherwise a heartbeat may be due."""
        if now < self.deadline:
            return self._heartbeat(now)
        if self._ticket:
            return self.interrupt(now, self._no_room())
        return self._fail(now, self._deadlines.error(now), b"")

    def interrupt(self, now: float, error: GatewayError) -> Step:
        """End the answer for a reason of ours, which no other attempt would mend."""
        self._attempts.end(now, "left")
        return self._break(now, error, b"") if self.head else self._refuse(now, error)

    def close(self, now: float) -> None:
        """The client has its last byte, or has gone; releases everything, idempotent."""
        if not self.ended:
            self.ended = True
            self.exchange.outcome = "client_abort"
        self._leave_queue(now)
        self._attempts.end(now, "left")

    def _heartbeat(self, now: float) -> Step:
        """A sign of life to a client whose stream is silent; it commits the status."""
        if self._encoder is None or not self._deadlines.heartbeat_due(now):
            return WAIT
        self._commit_stream(now)
        self._deadlines.gave(now)
        return Give(self._encoder.heartbeat())

    def _answer_for(self, status: int, content_type: str) -> Answer:
        dialect, request = self._dialect, self._request
        if not 200 <= status < 300 or status == 204:
            return ErrorAnswer(dialect, status)
        content = self._service.empty_answer == "error" and request.operation == "chat"
        if self._encoder and "json" not in content_type:
            return StreamAnswer(
                dialect.frame_reader(request),
                self._encoder,
                self.exchange,
                hold_empty=content and not self.head,
            )
        return PlainAnswer(dialect, request, self.exchange, refuse_empty=content)

    def _after(self, now: float, out: bytes) -> Step:
        """What an answer's bytes mean for the client."""
        assert self._answer
        if self._answer.failure:
            return self._fail(now, self._answer.failure, out)
        if self._answer.ended:
            return self._complete(now, out)
        if not out:
            return WAIT
        self._commit_stream(now)
        self._deadlines.gave(now)
        return Give(out)

    def _complete(self, now: float, data: bytes) -> Step:
        assert self._answer
        if self._request.stream and not self._answer.streamed:
            told = "the upstream sent a plain answer to a stream"
            return self._fail(now, UpstreamProtocolError(told), b"")
        if self._answer.streamed:
            self._commit_stream(now)
        else:
            content_type = self._answer.content_type
            self._commit(now, plain_head(self.exchange, content_type, len(data), now))
        self.ended = True
        self._attempts.end(now, "served")
        return Finish(data)

    def _commit(self, now: float, head: Head) -> None:
        """Fix status and headers, once; nothing can be retried from here on."""
        if self.head is None:
            self.head = head
            self.exchange.status = head.status
            self.exchange.first_byte = now

    def _commit_stream(self, now: float) -> None:
        if self.head is None and self._encoder:
            content_type = self._encoder.content_type
            self._commit(now, stream_head(self.exchange, content_type, now))

    def _fail(self, now: float, error: GatewayError, out: bytes) -> Step:
        """Another attempt where that is allowed, else the one terminal error."""
        if self.head or out:
            return self._rescue(now, error, out)
        told = self._attempts.fail(now, error)
        if told is None and now < self._deadlines.total:
            upstream = self._attempts.again(now, self._deadlines.total)
            if upstream:
                return self._open(now, upstream)
        return self._refuse(now, told or error)

    def _rescue(self, now: float, error: GatewayError, out: bytes) -> Step:
        """A stream broke: another upstream goes on with it where the pool allows that."""
        said = self.exchange.transcript
        if not (said and said.continuable and self._encoder):
            self._attempts.end(now, error)
            return self._break(now, error, out)
        told = self._attempts.fail(now, error)
        upstream = None if told else self._attempts.again(now, self._deadlines.total)
        if upstream is None:
            return self._break(now, told or error, out)
        self._commit_stream(now)
        self._encoder.resume(said.deltas)
        self.exchange.rescued = said.deltas
        way = self._route.pool.rescue
        call = self._dialect.render_continuation(self._call, said.text, way)
        return replace(self._open(now, upstream), call=call, data=out)

    def _open(self, now: float, upstream: Upstream) -> Open:
        self._answer = None
        self.exchange.usage = None
        self.exchange.finish_reasons.clear()
        self._deadlines.asked(now)
        return Open(upstream, self._call)

    def _queue(self, now: float) -> Step:
        """Every upstream is full: wait a little, without holding a thread."""
        if self._timeouts.queue_s <= 0:
            raise self._no_room()
        self._ticket = self._attempts.wait(now, self._deadlines.total)
        self._queued_at = now
        self._deadlines.queued(now)
        return Queue(self._ticket)

    def _leave_queue(self, now: float) -> None:
        ticket, self._ticket = self._ticket, None
        if ticket:
            self.exchange.queued_s = now - self._queued_at
            self._attempts.give_up(ticket, now)

    def _no_room(self) -> Overloaded:
        told = f"no upstream had room within {self._timeouts.queue_s:g} s"
        return Overloaded(told, retry_after_s=1)

    def _break(self, now: float, error: GatewayError, out: bytes) -> Step:
        """A stream that has begun ends with its dialect's error event, and the body cleanly."""
        assert self._encoder
        self._commit_stream(now)
        self.exchange.fail(error, _OUTCOMES.get(type(error), "upstream_abort"))
        self.ended = True
        return Finish(out + self._encoder.fail(error))

    def _refuse(self, now: float, error: GatewayError) -> Step:
        self._leave_queue(now)
        if isinstance(error, UpstreamModelMissing):
            error = ModelNotFound(error.message, code=self._service.unknown_model_code)
        error.retry_after_s = self.exchange.rest_s or error.retry_after_s
        rendered = self._dialect.render_error(error, self._service)
        self.head = error_head(self.exchange, error, rendered, now)
        self.exchange.status = self.head.status
        self.exchange.fail(error)
        self.ended = True
        return Finish(rendered[2])


def _tracing(exchange: Exchange) -> Headers:
    """What ties an upstream's log to ours: our own unique id (vLLM makes its ids of it)."""
    own = ("X-Request-Id", exchange.id)
    trace = ("traceparent", exchange.traceparent)
    return (own, trace) if exchange.traceparent else (own,)
