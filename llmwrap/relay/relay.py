"""The way of one model request: attempts until the first byte, then the answer to its end.

Sans-IO: a driver tells it what happened and does what it says next. No socket, no thread, no
clock; `now` is monotonic seconds. Retry rule: another upstream is asked only while nothing has
been given to the client, only for errors that say so, at most `MAX_ATTEMPTS` times in all, and
never the same upstream twice. After the first byte there is one terminal error event.
"""

from dataclasses import replace

from llmwrap.canonical.messages import Request
from llmwrap.canonical.transcript import Transcript
from llmwrap.errors import (
    AccessRevoked,
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
from llmwrap.relay.answers import Answer
from llmwrap.relay.attempts import Attempts
from llmwrap.relay.deadlines import Deadlines
from llmwrap.relay.heads import Head, error_head, plain_head, stream_head
from llmwrap.relay.job import Job, Terms
from llmwrap.relay.steps import WAIT, Finish, Give, Open, Queue, Step
from llmwrap.routing import Route
from llmwrap.upstreams.affinity import conversation_key
from llmwrap.upstreams.upstream import Upstream

_OUTCOMES: dict[type[GatewayError], Outcome] = {
    UpstreamTimeout: "gateway_timeout",
    UpstreamOverran: "gateway_timeout",
    Draining: "drained",
    AccessRevoked: "refused",
}
"""How an answer that had begun came to its end; all else is the upstream's doing."""

_TEMPORARY = (429, 503)
"""To come again; when, an upstream that was asked before may have told."""


class Relay:
    """One request, one answer. Not thread-safe: one driver at a time tells it things."""

    def __init__(
        self, terms: Terms, request: Request, route: Route, exchange: Exchange
    ) -> None:
        self._terms = terms
        self._streams = request.stream
        self._route = route
        self.exchange = exchange
        self._started = exchange.started
        self._job = Job(terms, request, route, exchange)
        self._deadlines = Deadlines(terms.timeouts, exchange.started, request)
        if len(self._job.upstreams) < len(route.upstreams):
            route = replace(route, upstreams=self._job.upstreams)
        self._attempts = Attempts(route, exchange, self._job.body)
        if route.pool.affine:
            told = exchange.session.encode() or terms.dialect.conversation(request)
            self._attempts.prefer(conversation_key(route.model, told))
        self._answer: Answer | None = None
        self._begun = False
        self.head: Head | None = None
        self.ended = False
        if route.pool.rescue != "off" and terms.dialect.may_continue(request):
            exchange.transcript = Transcript()

    @property
    def deadline(self) -> float:
        """When the request fails, should nothing happen until then."""
        return self._deadlines.at

    def wake_at(self, now: float) -> float:
        """When `tick` is due, whatever happens until then."""
        return min(self._deadlines.wake_at(now), self.returns_at(now))

    def returns_at(self, now: float) -> float:
        """When `offer` is due, while it waits for a slot; infinite if it never is."""
        return self._attempts.returns_at(now)

    def offer(self, now: float) -> None:
        """An upstream that was out may be asked again: whoever waits for it may have a turn."""
        self._attempts.offer(now)

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
        """The turn in the queue has come, or never will."""
        try:
            upstream = self._attempts.granted(now)
        except GatewayError as error:
            return self.interrupt(now, error)
        return self._open(now, upstream) if upstream else WAIT

    def opened(
        self, now: float, status: int, content_type: str, rest_s: float | None = None
    ) -> Step:
        """The upstream's answer begins; `rest_s` is what it said in `Retry-After`."""
        self._attempts.opened(status, rest_s)
        at, begun = now - self._started, self.head is not None
        self._answer = self._job.answer(status, content_type, at, begun=begun)
        return self.tick(now)

    def feed(self, now: float, data: bytes) -> Step:
        """Bytes of the upstream's answer."""
        assert self._answer
        if now >= self._deadlines.total:
            return self.tick(now)
        self._deadlines.received_at = now
        return self._after(now, self._answer.feed(data, now - self._started))

    def eof(self, now: float) -> Step:
        """The upstream's answer is over, properly framed."""
        assert self._answer
        return self._after(now, self._answer.end(now - self._started))

    def failed(self, now: float, error: GatewayError) -> Step:
        """The upstream could not be reached, or its connection broke."""
        return self._fail(now, error, b"")

    def tick(self, now: float) -> Step:
        """Time has passed: fails when the deadline has, otherwise a heartbeat may be due."""
        if now < self.deadline:
            self.offer(now)
            return self._heartbeat(now)
        if self._attempts.waiting:
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
        self._attempts.leave_queue(now)
        self._attempts.end(now, "left")

    def _heartbeat(self, now: float) -> Step:
        """A sign of life to a client whose stream is silent; it commits the status."""
        if self._job.encoder is None or not self._deadlines.heartbeat_due(now):
            return WAIT
        self._deadlines.given_at = now
        data = self._job.encoder.heartbeat()
        if not data:
            return WAIT
        self._commit_stream(now)
        return Give(data)

    def _after(self, now: float, out: bytes) -> Step:
        """What an answer's bytes mean for the client."""
        assert self._answer
        if self._answer.failure:
            return self._fail(now, self._answer.failure, out)
        if self._answer.ended:
            return self._complete(now, out)
        if not out:
            return WAIT
        if not self._begun:
            self._begin(now)
        self._deadlines.given_at = now
        return Give(out)

    def _begin(self, now: float) -> None:
        """The client gets the first of the answer: who cannot go on elsewhere needs no request."""
        self._commit_stream(now)
        self._attempts.begun(now)
        self._begun = True
        if not self.exchange.transcript:
            self._job.forget()
            self._attempts.forget()

    def _complete(self, now: float, data: bytes) -> Step:
        assert self._answer
        if self._streams and not self._answer.streamed:
            told = "the upstream sent a plain answer to a stream"
            return self._fail(now, UpstreamProtocolError(told), b"")
        if not self._job.last:
            return self._follow(now, data)
        if self._answer.streamed:
            self._commit_stream(now)
        else:
            content_type = self._answer.content_type
            self._commit(now, plain_head(self.exchange, content_type, len(data), now))
        self.ended = True
        self._attempts.end(now, "served")
        return Finish(data)

    def _follow(self, now: float, data: bytes) -> Step:
        """The next call, to the upstream that served the last: its slot is ours already."""
        self._attempts.narrow(self._job.kin)
        self._job.advance()
        upstream = self._attempts.follow(now, self._job.body)
        if data:
            self._commit_stream(now)
            self._deadlines.given_at = now
        return replace(self._open(now, upstream), data=data, served=True)

    def _commit(self, now: float, head: Head) -> None:
        """Fix status and headers, once; nothing can be retried from here on."""
        if self.head is None:
            self.head = head
            self.exchange.status = head.status
            self.exchange.first_byte = now

    def _commit_stream(self, now: float) -> None:
        if self.head is None and self._job.encoder:
            content_type = self._job.encoder.content_type
            self._commit(now, stream_head(self.exchange, content_type, now))

    def _fail(self, now: float, error: GatewayError, out: bytes) -> Step:
        """Another attempt where that is allowed, else the one terminal error."""
        if self.head or out:
            return self._rescue(now, error, out)
        if self._job.mend(error):
            return self._open(now, self._attempts.repeat(now, error, self._job.body))
        told = self._attempts.fail(now, error)
        upstream = None if told else self._attempts.again(now, self._deadlines.total)
        if upstream:
            self._job.begin_stream()
            return self._open(now, upstream)
        return self._refuse(now, told or error)

    def _rescue(self, now: float, error: GatewayError, out: bytes) -> Step:
        """A stream broke: another upstream goes on with it where the pool allows that."""
        said, encoder = self.exchange.transcript, self._job.encoder
        if not (said and said.continuable and encoder):
            self._attempts.end(now, error)
            return self._break(now, error, out)
        self._attempts.narrow(self._job.kin)
        told = self._attempts.fail(now, error)
        upstream = None if told else self._attempts.again(now, self._deadlines.total)
        if upstream is None:
            return self._break(now, told or error, out)
        self._commit_stream(now)
        encoder.resume(said.deltas)
        self.exchange.rescued = said.deltas
        step = self._open(now, upstream)
        call = self._job.continued(step.call, said.text, self._route.pool.rescue)
        return replace(step, call=call, data=out)

    def _open(self, now: float, upstream: Upstream) -> Open:
        self._answer = None
        self._deadlines.asked(now)
        return Open(upstream, self._job.call(upstream))

    def _queue(self, now: float) -> Step:
        """Every upstream is full: wait a little, without holding a thread."""
        if self._terms.timeouts.queue_s <= 0:
            raise self._no_room()
        ticket = self._attempts.wait(now, self._deadlines.total)
        self._deadlines.queued(now)
        return Queue(ticket)

    def _no_room(self) -> Overloaded:
        told = f"no upstream had room within {self._terms.timeouts.queue_s:g} s"
        return Overloaded(told, retry_after_s=1)

    def _break(self, now: float, error: GatewayError, out: bytes) -> Step:
        """A stream that has begun ends with its dialect's error event, and the body cleanly."""
        assert self._job.encoder
        self._commit_stream(now)
        self.exchange.fail(error, _OUTCOMES.get(type(error), "upstream_abort"))
        self.ended = True
        return Finish(out + self._job.encoder.fail(error))

    def _refuse(self, now: float, error: GatewayError) -> Step:
        self._attempts.leave_queue(now)
        if isinstance(error, UpstreamModelMissing):
            error = ModelNotFound(
                error.message,
                model=self.exchange.model,
                operation=self.exchange.operation,
                code=self._terms.service.unknown_model_code,
            )
        if error.status in _TEMPORARY:
            error.retry_after_s = self.exchange.rest_s or error.retry_after_s
        rendered = self._terms.dialect.render_error(error, self._terms.service)
        self.head = error_head(self.exchange, error, rendered, now)
        self.exchange.status = self.head.status
        self.exchange.fail(error)
        self.ended = True
        return Finish(rendered[2])
