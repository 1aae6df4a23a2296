"""What one request asks of upstreams, and how their answers reach the client; no time in it."""

from dataclasses import dataclass, replace

from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Call, Dialect, Encoder
from llmwrap.dialects.lazy_calls import changed
from llmwrap.errors import GatewayError
from llmwrap.exchange import Exchange
from llmwrap.relay.answers import Answer, ErrorAnswer, PlainAnswer, StreamAnswer
from llmwrap.relay.heads import tracing_headers
from llmwrap.relay.plans import Plans, plans_of
from llmwrap.relay.translations import TranslatedPlain, TranslatedStream, Translation
from llmwrap.routing import Route
from llmwrap.settings.values import ServiceSettings, Timeouts
from llmwrap.upstreams.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every request of one service: the client's dialect, settings, deadlines."""

    dialect: Dialect
    service: ServiceSettings
    timeouts: Timeouts


class Job:
    """The calls of one request, one after another: usually one.

    Several are made where an upstream cannot say all in one answer (`n`, batches of texts); the
    later ones go only to upstreams of the same kind as the first.
    """

    def __init__(
        self, terms: Terms, request: Request, route: Route, exchange: Exchange
    ) -> None:
        self._terms = terms
        self._request = request
        self._exchange = exchange
        headers = tracing_headers(exchange)
        self._plans: Plans = plans_of(terms.dialect, request, route, headers)
        self._plan = next(iter(self._plans.values()))
        self._number = 0
        self._translation: Translation | None = None
        self._mended = False
        self.encoder: Encoder | None = None
        self.begin_stream()

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """Those that can be asked."""
        return tuple(self._plans)

    @property
    def kin(self) -> tuple[Upstream, ...]:
        """Those that can take the next call, or go on with the answer, after the one asked."""
        return tuple(each for each, plan in self._plans.items() if plan is self._plan)

    @property
    def body(self) -> bytes:
        """What the call that is to be made says."""
        return self._plan.calls[self._number].body

    @property
    def last(self) -> bool:
        """Whether no call follows."""
        return self._number + 1 >= len(self._plan.calls)

    def begin_stream(self) -> None:
        """The client has got nothing of a stream yet: what was written for it is void."""
        if self._request.stream:
            dialect, stamp = self._terms.dialect, self._exchange.stamp
            self.encoder = dialect.encoder(self._request, stamp)

    def call(self, upstream: Upstream) -> Call:
        """The call as it is made to `upstream`; what an earlier try of it told is void."""
        plan = self._plan = self._plans[upstream]
        if self._number:
            assert self._translation
            self._translation.begin()
            return plan.calls[self._number]
        self._exchange.usage = None
        self._exchange.finish_reasons.clear()
        if plan.task:
            dialect, request = self._terms.dialect, self._request
            self._translation = Translation(dialect, request, self._exchange, plan)
        else:
            self._translation = None
        return plan.calls[0]

    def mend(self, error: GatewayError) -> bool:
        """Whether the call can be made once more, in other words where `error` asks for them.

        Once for a request. Its other calls are mended alike, and those to other upstreams of
        the kind.
        """
        plan, mended = self._plan, self._plan.dialect.mended
        if self._mended or not mended(plan.calls[self._number], error):
            return False
        self._mended = True
        calls = changed(plan.calls, lambda call: mended(call, error) or call)
        self._plan = replace(plan, calls=calls)
        self._plans = {
            upstream: self._plan if each is plan else each
            for upstream, each in self._plans.items()
        }
        self.begin_stream()
        return True

    def continued(self, call: Call, said: str, way: str) -> Call:
        """`call`, so that the upstream goes on with an answer of which this was said."""
        return self._plan.dialect.render_continuation(call, said, way)

    def forget(self) -> None:
        """Let go of what was asked, where no further call needs it."""
        if not self.last:
            return
        self._request = replace(self._request, body={})
        self._plan = replace(self._plan, calls=(), task=None)
        self._plans = {}
        if self._translation:
            self._translation.forget()

    def advance(self) -> None:
        """The call is answered; the next one is to be made."""
        assert self._translation
        self._translation.end()
        self._number += 1

    def answer(
        self, status: int, content_type: str, at: float, *, begun: bool
    ) -> Answer:
        """What takes in the answer to the call; `begun` is whether the client has got anything."""
        if not 200 <= status < 300 or status == 204:
            return ErrorAnswer(self._plan.dialect, status)
        filled = self._terms.service.empty_answer == "error"
        filled = filled and self._request.operation == "chat"
        if self.encoder is None or _is_plain(content_type):
            return self._plain(at, refuse_empty=filled)
        return self._stream(self.encoder, at, hold_empty=filled and not begun)

    def _plain(self, at: float, *, refuse_empty: bool) -> Answer:
        dialect, request = self._terms.dialect, self._request
        if self._translation is None:
            exchange = self._exchange
            return PlainAnswer(dialect, request, exchange, refuse_empty=refuse_empty)
        self._translation.opened(at)
        return TranslatedPlain(
            dialect, request, self._translation, refuse_empty=refuse_empty
        )

    def _stream(self, encoder: Encoder, at: float, *, hold_empty: bool) -> Answer:
        if self._translation is None:
            reader = self._plan.dialect.frame_reader()
            exchange = self._exchange
            return StreamAnswer(reader, encoder, exchange, hold_empty=hold_empty)
        self._translation.opened(at)
        return TranslatedStream(encoder, self._translation, hold_empty=hold_empty)


def _is_plain(content_type: str) -> bool:
    """Whether an answer is one JSON value: `application/x-ndjson` is a stream of them."""
    return "json" in content_type and "ndjson" not in content_type
