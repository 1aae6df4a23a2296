"""Status and headers of a relayed answer, what they say of its way here, and how it is traced."""

from dataclasses import dataclass

from llmwrap.dialects.base import Headers
from llmwrap.errors import (
    GatewayError,
    UpstreamCrashed,
    UpstreamRefusal,
    UpstreamTimeout,
)
from llmwrap.exchange import Exchange

_FINAL = (UpstreamRefusal, UpstreamTimeout, UpstreamCrashed)
"""What must not be tried again: it would be refused again, is perhaps still being generated (and
paid for), or breaks the next upstream too.
"""

_NO_RETRY = (("x-should-retry", "false"),)
"""Clients' own retries would multiply with ours."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of the client's answer. A stream has no Content-Length, all else has."""

    status: int
    headers: Headers

    @property
    def streamed(self) -> bool:
        """Whether the length of the body is not known in advance."""
        return all(name != "Content-Length" for name, _ in self.headers)

    @property
    def by_line(self) -> bool:
        """Whether each line leaves as a piece of its own.

        There are clients of Ollama that take each piece of a stream for one JSON document.
        """
        return ("Content-Type", "application/x-ndjson") in self.headers


def stream_head(exchange: Exchange, content_type: str, now: float) -> Head:
    """For a stream: no proxy may keep, change or hold back any of it."""
    headers = (
        ("Content-Type", content_type),
        ("Cache-Control", "no-cache, no-transform"),
        ("X-Accel-Buffering", "no"),
    )
    return Head(200, headers + _told(exchange, now))


def plain_head(exchange: Exchange, content_type: str, length: int, now: float) -> Head:
    """For a whole answer of `length` bytes."""
    headers = (("Content-Type", content_type), ("Content-Length", str(length)))
    return Head(200, headers + _told(exchange, now))


def error_head(
    exchange: Exchange,
    error: GatewayError,
    rendered: tuple[int, Headers, bytes],
    now: float,
) -> Head:
    """For an error as the client's dialect renders it."""
    status, headers, body = rendered
    length = ("Content-Length", str(len(body)))
    told = (*headers, length, *error.answer_headers(), *_told(exchange, now))
    if len(exchange.attempts) > 1 or isinstance(error, _FINAL):
        told += _NO_RETRY
    return Head(status, told)


def tracing_headers(exchange: Exchange) -> Headers:
    """What ties an upstream's log to ours: our own unique id (vLLM makes its ids of it)."""
    own = ("X-Request-Id", exchange.id)
    trace = ("traceparent", exchange.traceparent)
    return (own, trace) if exchange.traceparent else (own,)


def _told(exchange: Exchange, now: float) -> Headers:
    """Who served, after how many attempts, and where the time went (milliseconds)."""
    upstream_s = sum(each.lasted(now) for each in exchange.attempts)
    total_s = now - exchange.started
    own_s = total_s - upstream_s - exchange.queued_s
    spent = (("queue", exchange.queued_s), ("upstream", upstream_s), ("total", total_s))
    timing = ", ".join(f"{name};dur={spent_s * 1000:.1f}" for name, spent_s in spent)
    told: Headers = (
        ("x-llmwrap-attempts", str(len(exchange.attempts))),
        ("x-llmwrap-overhead-ms", f"{own_s * 1000:.1f}"),
        ("server-timing", timing),
    )
    if exchange.affinity:
        told += (("x-llmwrap-affinity", exchange.affinity),)
    if not exchange.attempts:
        return told
    return (("x-llmwrap-upstream", exchange.upstream), *told)
