"""A relay on a bench: upstreams without sockets, a clock that is set by hand."""

from typing import Any

import orjson

from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.openai import OpenAI
from llmwrap.exchange import Exchange
from llmwrap.relay import Finish, Give, Open, Relay, Step, Terms
from llmwrap.routing import Route
from llmwrap.settings.values import (
    PoolSettings,
    ServiceSettings,
    Timeouts,
    UpstreamSettings,
)
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream

START = 1000.0
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


class Bench:
    """One request over `count` upstreams (`u0`, `u1`, ...), told what happens by hand."""

    def __init__(
        self,
        count: int = 3,
        *,
        stream: bool = True,
        operation: Operation = "chat",
        service: ServiceSettings | None = None,
        max_in_flight: int = 1,
    ) -> None:
        settings = tuple(
            UpstreamSettings(f"u{n}", f"http://u{n}/v1", max_in_flight=max_in_flight)
            for n in range(count)
        )
        pool = PoolSettings("p", "chat", ("*",), settings, policy="first")
        self.upstreams = tuple(
            Upstream(setting, OpenAI(), pool.models) for setting in settings
        )
        self.pool = Pool(pool, self.upstreams)
        self.exchange = Exchange("req_1", "mine", "POST", "/v1", "", START)
        body: dict[str, Any] = {"model": "m", "stream": stream}
        self.request = Request(operation, "m", stream=stream, body=body)
        self.relay = Relay(
            Terms(OpenAI(), service or ServiceSettings(), TIMEOUTS),
            self.request,
            Route(self.pool, "m", "m", self.upstreams),
            self.exchange,
        )
        self.now = START

    def start(self) -> Step:
        return self.relay.start(self.now)

    def opened(self, status: int = 200, content_type: str = SSE) -> Step:
        return self.relay.opened(self.now, status, content_type)

    def begin(self, status: int = 200, content_type: str = SSE) -> Step:
        """Start, and let the first upstream answer."""
        self.start()
        return self.opened(status, content_type)

    def feed(self, data: bytes) -> Step:
        return self.relay.feed(self.now, data)

    def eof(self) -> Step:
        return self.relay.eof(self.now)

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
