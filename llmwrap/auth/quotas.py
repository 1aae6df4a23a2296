"""What a caller may do: requests in a span, tokens in a minute, answers at once.

A request is charged before anybody reads its body, tokens by an estimate; its finished Exchange
says what they were. Counts are kept in this process, or in Redis for several workers; while that
is gone, each worker lets its share through.
"""

import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from llmwrap.auth.allowances import Admission, Allowance
from llmwrap.auth.circuit import Circuit, StoreGone
from llmwrap.auth.counters import MemoryCounters, Settlement, Slot, Verdict, Window
from llmwrap.auth.estimates import estimate_tokens
from llmwrap.auth.principal import Principal
from llmwrap.auth.rates import Rate, RatesOfGroups, caller_of, read_rates
from llmwrap.auth.redis_counters import RedisCounters
from llmwrap.exchange import Exchange
from llmwrap.settings.values import Settings

SLOT_MARGIN_S = 60
"""How much longer than its longest answer a lost slot is held."""
MAX_LATE = 10_000
"""Finished requests that wait to be settled in a store that is gone."""
MAX_FLUSHED = 1000
"""Of these so many at once, so that nobody is held up for long."""
MAX_TRIES = 5
"""How often one may be what the store was lost with, before it is taken for the reason."""
MAX_USED = 1_000_000_000
"""Tokens of one request: an upstream that counts more counts wrongly."""

log = logging.getLogger(__name__)

_Counters = MemoryCounters | RedisCounters


class Bound(NamedTuple):
    """One limit that a request falls under: what is counted there, and how much it takes."""

    key: str
    rate: Rate
    cost: int

    def shared(self, workers: int) -> "Bound":
        """The same for one of several workers that count alone."""
        rate = self.rate.shared(workers)
        return Bound(self.key, rate, min(self.cost, max(1, rate.amount)))

    @property
    def window(self) -> Window:
        """What is to be counted."""
        return Window(self.key, self.rate.amount, self.rate.span_s, self.cost)


class Demand(NamedTuple):
    """All that a request falls under; `slot` where only so many may run at once.

    `prompt` is the part of the prompt in `tokens`, if that is not more than there are.
    """

    requests: tuple[Bound, ...]
    tokens: Bound | None
    slot: Slot | None
    prompt: int = 0

    @property
    def bounds(self) -> tuple[Bound, ...]:
        return (*self.requests, self.tokens) if self.tokens else self.requests

    def shared(self, workers: int) -> "Demand":
        """The same for one of several workers that count alone."""
        return Demand(
            tuple(each.shared(workers) for each in self.requests),
            self.tokens and self.tokens.shared(workers),
            self.slot and self.slot._replace(most=-(-self.slot.most // workers)),
            self.prompt,
        )


class _Open(NamedTuple):
    """What is settled at the end of a request, and where it was charged.

    `prompt` and `reserved` are the tokens that were estimated, and charged; `tries` how often
    the store was lost with it.
    """

    counters: _Counters
    prompt: int
    reserved: int
    tokens: Settlement | None
    slot: Slot | None
    tries: int = 0

    def settle(self) -> None:
        """Settle it there; nothing is said of tokens that were charged as they were used."""
        tokens = (self.tokens,) if self.tokens and self.tokens.more else ()
        if tokens or self.slot:
            self.counters.settle(tokens, self.slot)


class Quotas:
    """The limits of a worker's callers; safe to share.

    `shared` counts for all workers, None where there is one; `circuit` is the way to it.
    """

    def __init__(
        self,
        settings: Settings,
        local: MemoryCounters,
        shared: RedisCounters | None,
        circuit: Circuit,
    ) -> None:
        self._limits = settings.limits
        self._workers = settings.server.workers
        self._slot_ttl_s = round(settings.timeouts.total_s) + SLOT_MARGIN_S
        self._groups = RatesOfGroups(settings.limits)
        self._local = local
        self._shared = shared
        self._circuit = circuit
        self._open: dict[str, _Open] = {}
        self._late: deque[_Open] = deque(maxlen=MAX_LATE)

    def admit(
        self, principal: Principal, exchange: Exchange, body: bytes | None
    ) -> Admission:
        """Charge a request; `body` is what a model will be asked, None where none is.

        What it takes for its time only is given back by `settle` of the same exchange.
        """
        demand = self._demand(principal, exchange, body)
        counters, demand, verdict = self._charge(demand)
        allowances = tuple(
            Allowance(bound.rate, count, bound.cost)
            for bound, count in zip(demand.bounds, verdict.counts, strict=True)
        )
        requests = allowances[: len(demand.requests)]
        tokens = allowances[-1] if demand.tokens else None
        if verdict.admitted and (tokens or demand.slot):
            self._open[exchange.id] = _opened(counters, demand, tokens)
        return Admission(
            admitted=verdict.admitted,
            requests=requests,
            tokens=tokens,
            most=demand.slot.most if demand.slot else 0,
            degraded=self._shared is not None and counters is self._local,
        )

    def settle(self, exchange: Exchange) -> None:
        """Charge the tokens that were used, and let the next request run: a sink."""
        opened = self._open.pop(exchange.id, None)
        if opened is None:
            return
        if opened.tokens:
            more = _used(exchange, opened) - opened.reserved
            opened = opened._replace(tokens=opened.tokens._replace(more=more))
        if opened.counters is self._local:
            opened.settle()
            return
        self._late.append(opened)
        self.flush()

    def flush(self) -> None:
        """Settle what could not be while the store was gone; what fails again comes last."""
        for _ in range(min(len(self._late), MAX_FLUSHED)):
            if self._circuit.gone:
                return
            try:
                late = self._late.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                self._circuit.call(late.settle)
            except StoreGone:
                self._try_again(late)
                return

    def _try_again(self, late: _Open) -> None:
        late = late._replace(tries=late.tries + 1)
        if late.tries < MAX_TRIES:
            self._late.append(late)
        else:
            log.warning("settlement_dropped", extra={"tries": late.tries})

    def _charge(self, demand: Demand) -> tuple[_Counters, Demand, Verdict]:
        """Where it was charged, the demand with the rates that hold there, and the verdict."""
        shared = self._shared
        if shared is not None:
            windows = [each.window for each in demand.bounds]
            try:
                verdict = self._circuit.call(lambda: shared.admit(windows, demand.slot))
            except StoreGone:
                demand = demand.shared(self._workers)
            else:
                return shared, demand, verdict
        windows = [each.window for each in demand.bounds]
        return self._local, demand, self._local.admit(windows, demand.slot)

    def _demand(
        self, principal: Principal, exchange: Exchange, body: bytes | None
    ) -> Demand:
        caller = f"{{{caller_of(principal, exchange.client_ip)}}}"
        requests = _bounds(caller, self._groups.of(principal))
        if principal.rate:
            key = f"{caller}:{principal.key_id}"
            requests += _bounds(key, read_rates(principal.rate))
        limits, tokens, slot, prompt = self._limits, None, None, 0
        if body is not None and limits.tokens_per_minute:
            amount = limits.tokens_per_minute
            rate = Rate(amount, 60, f"{amount} per minute")
            # What asks for more than a minute has passes in a minute of its own.
            prompt, answer = estimate_tokens(exchange.path, body)
            tokens = Bound(f"{caller}:tokens", rate, min(prompt + answer, amount))
        if body is not None and limits.concurrent_requests:
            most, key = limits.concurrent_requests, f"{caller}:running"
            slot = Slot(key, most, exchange.id, self._slot_ttl_s)
        return Demand(requests, tokens, slot, prompt)


def _bounds(key: str, rates: Sequence[Rate]) -> tuple[Bound, ...]:
    return tuple(Bound(f"{key}:{rate.span_s}", rate, 1) for rate in rates)


def _opened(counters: _Counters, demand: Demand, tokens: Allowance | None) -> _Open:
    if demand.tokens is None or tokens is None:
        return _Open(counters, 0, 0, None, demand.slot)
    key, rate, _ = demand.tokens
    settlement = Settlement(key, tokens.count.ends, rate.span_s, 0)
    return _Open(counters, demand.prompt, tokens.cost, settlement, demand.slot)


def _used(exchange: Exchange, opened: _Open) -> int:
    """The tokens of a request: as its upstream counted, else what was reserved at least.

    Whoever leaves before that count pays for what he was given, and so does he whose answer
    was cut; a count in the middle of an answer is no more than that.
    """
    usage = exchange.usage
    if usage:
        whole = exchange.outcome == "ok"
        told = 0 if whole else usage.prompt + exchange.delivered
        return min(max(usage.total, told), MAX_USED)
    refused = exchange.outcome in ("refused", "failed") and exchange.first_byte is None
    if refused or not exchange.attempts:
        return 0
    return max(opened.reserved, opened.prompt + exchange.delivered)
