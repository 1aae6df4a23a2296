"""The generator driver: runs a relay in the view's own thread and yields its answer.

It decides nothing. It works under any WSGI server; while the upstream is silent it notices
neither a client that left nor the time for a heartbeat.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from wsgiref.types import WSGIEnvironment

from flask import Response
from werkzeug.datastructures import Headers

from llmwrap.errors import GatewayError, UpstreamTimeout
from llmwrap.gateway import Gateway
from llmwrap.relay import Relay
from llmwrap.relay.steps import WAIT, Finish, Give, Open, Queue, Step, Wait
from llmwrap.upstreams.client import OpenAnswer
from llmwrap.upstreams.retry_after import read_retry_after


class Handover(Response):
    """Stands for an answer that another driver will give: of this one only its headers leave.

    Werkzeug would copy them, and add what belongs to an empty body.
    """

    default_mimetype = None

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """The headers as they are; nobody else will ask for them."""
        headers, self.headers = self.headers, Headers()
        return headers


class Driver:
    """Drives one relay to its end. `close` is called once, whatever happened."""

    def __init__(self, relay: Relay, gateway: Gateway) -> None:
        self._relay = relay
        self._gateway = gateway
        self._clock = gateway.clock
        self._answer: OpenAnswer | None = None
        self._next: Step = WAIT
        self._revoked: GatewayError | None = None
        self._watched = ExitStack()

    def respond(self) -> Response:
        """The response, as soon as its first bytes are there."""
        watching = self._gateway.running.watching(self._relay.exchange, self._revoke)
        self._watched.enter_context(watching)
        try:
            step = self._advance(self._relay.start(self._clock()))
        except BaseException:
            self.close()
            raise
        head = self._relay.head
        assert head
        body = self._rest(step) if head.streamed else step.data
        response = Response(body, status=head.status)
        for name, value in head.headers:
            response.headers[name] = value
        response.call_on_close(self.close)
        return response

    def close(self) -> None:
        """After the last byte, or when the client has left: nothing stays open or leased."""
        self._watched.close()
        relay = self._relay
        relay.close(self._clock())
        if self._answer:
            _let_go(self._answer, served=relay.exchange.outcome == "ok")
            self._answer = None
        self._gateway.finish(relay.exchange)

    def _revoke(self, error: GatewayError) -> None:
        """The sender lost access: told from another thread, heeded between two frames."""
        self._revoked = error

    def _rest(self, step: Give | Finish) -> Iterator[bytes]:
        given = step
        yield from self._pieces(given.data)
        while not isinstance(given, Finish):
            following, self._next = self._next, WAIT
            given = self._advance(following)
            yield from self._pieces(given.data)

    def _pieces(self, data: bytes) -> list[bytes]:
        head = self._relay.head
        return data.splitlines(keepends=True) if head and head.by_line else [data]

    def _advance(self, step: Step) -> Give | Finish:
        """Do what the relay says until there is something for the client."""
        while True:
            if isinstance(step, Open) and step.data:
                self._next = replace(step, data=b"")
                return Give(step.data)
            if isinstance(step, Open):
                step = self._open(step)
            elif isinstance(step, Queue):
                step = self._queue(step)
            elif isinstance(step, Wait):
                step = self._read()
            else:
                return step

    def _queue(self, step: Queue) -> Step:
        turn = threading.Event()
        step.ticket.notify(turn.set)
        while not turn.is_set() and (now := self._clock()) < self._relay.deadline:
            turn.wait(min(self._relay.deadline, self._relay.returns_at(now)) - now)
            self._relay.offer(self._clock())
        granted = self._relay.granted(self._clock())
        return self._relay.tick(self._clock()) if isinstance(granted, Wait) else granted

    def _open(self, step: Open) -> Step:
        if self._answer:
            _let_go(self._answer, served=step.served)
            self._answer = None
        try:
            left_s = self._relay.deadline - self._clock()
            answer = self._gateway.client.open(step.upstream, step.call, left_s)
        except GatewayError as error:
            return self._failed(error)
        self._answer = answer
        rest_s = read_retry_after(answer.retry_after, time.time())
        return self._relay.opened(
            self._clock(), answer.status, answer.content_type, rest_s
        )

    def _read(self) -> Step:
        assert self._answer
        relay = self._relay
        if self._revoked:
            return relay.interrupt(self._clock(), self._revoked)
        try:
            data = self._answer.read(relay.deadline - self._clock())
        except GatewayError as error:
            return self._failed(error)
        now = self._clock()
        return relay.feed(now, data) if data else relay.eof(now)

    def _failed(self, error: GatewayError) -> Step:
        """The relay knows best which of its deadlines has passed."""
        now = self._clock()
        late = self._relay.tick(now) if isinstance(error, UpstreamTimeout) else WAIT
        return self._relay.failed(now, error) if isinstance(late, Wait) else late


def _let_go(answer: OpenAnswer, *, served: bool) -> None:
    """Keep the connection of an answer that was taken in, cut any other."""
    if served:
        answer.close()
    else:
        answer.abort()
