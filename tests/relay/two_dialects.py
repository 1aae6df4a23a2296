"""A relay between dialects on a bench: upstreams without sockets, told what happens by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import RouteRule
from llmwrap.errors import GatewayError
from llmwrap.exchange import Exchange
from llmwrap.relay import Relay, Terms
from llmwrap.relay.steps import Open, Step
from llmwrap.routing import Route
from llmwrap.settings.values import (
    Media,
    PoolSettings,
    ServiceSettings,
    Timeouts,
    UpstreamSettings,
)
from llmwrap.upstreams.health import Health
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream
from tests.relay.bench import START, TIMEOUTS

SSE = "text/event-stream; charset=utf-8"
NDJSON = "application/x-ndjson"
JSON = "application/json"
BEGAN = 1_700_000_000.0
USER = {"role": "user", "content": "hi"}


def make_pool(*upstreams: UpstreamSettings, **settings: Any) -> Pool:
    """A pool of these upstreams, asked in this order."""
    settings = {"policy": "first", **settings}
    told = PoolSettings(
        "p", settings.pop("kind", "chat"), ("*",), upstreams, **settings
    )
    made = tuple(
        Upstream(each, DIALECTS[each.dialect], told.models) for each in upstreams
    )
    for upstream in made:
        upstream.health = Health(jitter=lambda: 1.0)
    return Pool(told, made)


def ollama(name: str = "o0", **settings: Any) -> UpstreamSettings:
    return UpstreamSettings(name, f"http://{name}", dialect="ollama", **settings)


def openai(name: str = "v0", **settings: Any) -> UpstreamSettings:
    return UpstreamSettings(name, f"http://{name}/v1", **settings)


def route_rule(dialect: str, path: str) -> RouteRule:
    (rule,) = (each for each in DIALECTS[dialect].routes if each.path == path)
    return rule


class Bench:
    """One request of a client that asks at `path` of `dialect`."""

    def __init__(
        self,
        pool: Pool,
        dialect: str,
        path: str,
        body: Mapping[str, Any],
        service: ServiceSettings | None = None,
        *,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self.pool = pool
        self.now = START
        service = service or ServiceSettings()
        client = DIALECTS[dialect]
        rule = route_rule(dialect, path)
        sent = orjson.dumps({"model": "asked", **body})
        request = client.read_request(rule, sent, service, Media(remote="forward"))
        self.exchange = Exchange(
            "req_abc", "mine", "POST", path, "", START, began=BEGAN
        )
        self.exchange.operation = request.operation
        self.exchange.model = request.model
        self.relay = Relay(
            Terms(client, service, timeouts),
            request,
            Route(pool, "asked", "up", pool.upstreams),
            self.exchange,
        )

    def start(self) -> Open:
        return asked(self.relay.start(self.now))

    def opened(self, content_type: str, status: int = 200) -> Step:
        return self.relay.opened(self.now, status, content_type)

    def feed(self, data: bytes) -> Step:
        return self.relay.feed(self.now, data)

    def eof(self) -> Step:
        return self.relay.eof(self.now)

    def failed(self, error: GatewayError) -> Step:
        return self.relay.failed(self.now, error)

    def answered(self, content_type: str, data: bytes, status: int = 200) -> Step:
        """The upstream answers with `data`, whole."""
        self.opened(content_type, status)
        step = self.feed(data)
        finished_by_itself = self.relay.ended or isinstance(step, Open)
        return step if finished_by_itself else self.eof()

    @property
    def head(self) -> tuple[int, dict[str, str]]:
        assert self.relay.head
        return self.relay.head.status, dict(self.relay.head.headers)

    @property
    def in_flight(self) -> list[int]:
        return [upstream.in_flight for upstream in self.pool.upstreams]


def asked(step: Step) -> Open:
    """What is to be sent next."""
    assert isinstance(step, Open)
    return step


def sent(step: Step) -> dict[str, Any]:
    """The body of the call that is to be made."""
    body: dict[str, Any] = orjson.loads(asked(step).call.body)
    return body


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> bytes:
    """An event of an OpenAI upstream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"object": "chat.completion.chunk", "model": "up", "choices": [choice]}
    return b"data: " + orjson.dumps(data | fields) + b"\n\n"


def line(message: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
    """A line of an Ollama upstream's chat."""
    told = {"role": "assistant", "content": "", **(message or {})}
    data = {"model": "up", "created_at": "2026-01-02T03:04:05Z", "message": told}
    return orjson.dumps({**data, "done": False, **fields}) + b"\n"


def done(reason: str = "stop", **counts: int) -> bytes:
    """The last one."""
    return line(done=True, done_reason=reason, **counts)


def chunks_of(data: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream that ends well."""
    *events, last, rest = data.split(b"\n\n")
    assert (last, rest) == (b"data: [DONE]", b"")
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events]


def lines_of(data: bytes) -> list[dict[str, Any]]:
    *lines, rest = data.split(b"\n")
    assert rest == b""
    return [orjson.loads(each) for each in lines]


def choices_of(chunks: Sequence[Mapping[str, Any]]) -> list[tuple[int, Any]]:
    """(index, delta or finish reason) of every chunk with a choice."""
    return [
        (choice["index"], choice["finish_reason"] or choice["delta"])
        for each in chunks
        for choice in each["choices"]
    ]
