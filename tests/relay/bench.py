"""A relay on a bench: upstreams without sockets, a clock that is set by hand."""

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import GatewayError
from llmwrap.exchange import Exchange
from llmwrap.relay import Relay, Terms
from llmwrap.relay.steps import Finish, Give, Open, Queue, Step
from llmwrap.routing import Route
from llmwrap.settings.values import (
    PoolSettings,
    ServiceSettings,
    Timeouts,
    UpstreamSettings,
)
from llmwrap.upstreams.health import Health
from llmwrap.upstreams.pool import Lease, Pool
from llmwrap.upstreams.upstream import Upstream
from llmwrap.upstreams.waiting import Ticket

Rescue = Literal["off", "continue", "prefill"]

START = 1000.0
FAR = START + 600
"""Where a deadline does not matter."""

TIMEOUTS = Timeouts(connect_s=2, first_byte_s=60, idle_s=30, total_s=600)
SSE = "text/event-stream"
JSON = "application/json"
DONE = b"data: [DONE]\n\n"
WHOLE = (
    b'{"object":"chat.completion","model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}'
)


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> bytes:
    """One frame of a chat stream that needs no change."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(data | fields) + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
TEXT = chunk({"content": "Hi"})
STOP = chunk({}, "stop")


def make_pool(
    count: int,
    *,
    max_in_flight: int = 1,
    keys: tuple[str, ...] = (),
    rescue: Rescue = "off",
) -> Pool:
    """A pool of `count` upstreams (`u0`, `u1`, ...), asked in this order."""
    settings = tuple(
        UpstreamSettings(
            f"u{n}",
            f"http://u{n}/v1",
            api_key=keys[n] if keys else "",
            max_in_flight=max_in_flight,
        )
        for n in range(count)
    )
    pool = PoolSettings("p", "chat", ("*",), settings, policy="first", rescue=rescue)
    upstreams = tuple(Upstream(setting, OpenAI(), pool.models) for setting in settings)
    for upstream in upstreams:
        upstream.health = Health(jitter=lambda: 1.0)
    return Pool(pool, upstreams)


def make_relay(
    pool: Pool,
    request: Request,
    exchange: Exchange,
    *,
    service: ServiceSettings | None = None,
    timeouts: Timeouts = TIMEOUTS,
) -> Relay:
    return Relay(
        Terms(OpenAI(), service or ServiceSettings(), timeouts),
        request,
        Route(pool, "m", "m", pool.upstreams),
        exchange,
    )


class Bench:
    """One request over `count` upstreams, or those of `pool`, told what happens by hand.

    It comes `at` seconds after START from `user`; `said` makes its body differ from others.
    """

    def __init__(
        self,
        count: int = 3,
        *,
        pool: Pool | None = None,
        at: float = 0,
        user: str = "",
        said: str = "",
        stream: bool = True,
        operation: Operation = "chat",
        service: ServiceSettings | None = None,
        timeouts: Timeouts = TIMEOUTS,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.pool = pool or make_pool(count)
        self.upstreams = self.pool.upstreams
        self.now = START + at
        self.exchange = Exchange("req_1", "mine", "POST", "/v1", "", self.now)
        self.exchange.operation = operation
        self.exchange.user_id = user
        body: dict[str, Any] = {"model": "m", "stream": stream, **(fields or {})}
        if said:
            body["messages"] = [{"role": "user", "content": said}]
        self.request = Request(operation, "m", stream=stream, body=body)
        self.relay = make_relay(
            self.pool,
            self.request,
            self.exchange,
            service=service,
            timeouts=timeouts,
        )

    def start(self) -> Step:
        return self.relay.start(self.now)

    def opened(
        self, status: int = 200, content_type: str = SSE, rest_s: float | None = None
    ) -> Step:
        return self.relay.opened(self.now, status, content_type, rest_s)

    def begin(self, status: int = 200, content_type: str = SSE) -> Step:
        """Start, and let the first upstream answer."""
        self.start()
        return self.opened(status, content_type)

    def feed(self, data: bytes) -> Step:
        return self.relay.feed(self.now, data)

    def eof(self) -> Step:
        return self.relay.eof(self.now)

    def failed(self, error: GatewayError) -> Step:
        return self.relay.failed(self.now, error)

    def refused_by(self, status: int, rest_s: float | None = None) -> Step:
        """The upstream answers with `status` and a word."""
        self.opened(status, JSON, rest_s)
        self.feed(b'{"error":{"message":"no"}}')
        return self.eof()

    def served(self) -> bytes:
        """The upstream answers as it should."""
        self.opened()
        return finished(self.feed(TEXT + STOP + DONE))

    def granted(self) -> Step:
        return self.relay.granted(self.now)

    def close(self) -> None:
        self.relay.close(self.now)

    def tick_at(self, after: float) -> Step:
        """Let `after` seconds have passed since the start."""
        self.now = START + after
        return self.relay.tick(self.now)

    @property
    def in_flight(self) -> list[int]:
        return [upstream.in_flight for upstream in self.upstreams]

    @property
    def status(self) -> int:
        assert self.relay.head
        return self.relay.head.status

    @property
    def headers(self) -> dict[str, str]:
        assert self.relay.head
        headers = dict(self.relay.head.headers)
        assert len(headers) == len(self.relay.head.headers)
        return headers


def hold(pool: Pool, *indices: int) -> tuple[Lease, ...]:
    """Slots that others hold on upstreams of `pool`."""
    leases = [pool.lease((pool.upstreams[n],), (), START, FAR) for n in indices]
    assert all(leases)
    return tuple(lease for lease in leases if lease)


def queued(step: Step) -> Ticket[Lease]:
    """The ticket to wait for."""
    assert isinstance(step, Queue)
    return step.ticket


def opened_at(step: Step) -> str:
    """The name of the upstream that is to be asked."""
    assert isinstance(step, Open)
    return step.upstream.name


def given(step: Step) -> bytes:
    assert isinstance(step, Give)
    return step.data


def finished(step: Step) -> bytes:
    assert isinstance(step, Finish)
    return step.data


def code_of(step: Step) -> str:
    """The code of the error answer that ends the request."""
    code: str = orjson.loads(finished(step))["error"]["code"]
    return code
