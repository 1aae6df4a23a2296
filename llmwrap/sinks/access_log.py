"""One line per request in the operational log: who, what, how it ended; no prompt, no key."""

import logging
from typing import Any

from llmwrap.errors import UpstreamUnreachable
from llmwrap.exchange import Exchange

log = logging.getLogger("llmwrap.access")

QUIET_PATHS = frozenset({"/health", "/healthz", "/readyz"})
"""Probes come every few seconds: their lines are of level debug."""


def access_log(exchange: Exchange) -> None:
    """Write the line; 5xx as error, 4xx and what broke off after a 200 as warning."""
    if 400 <= exchange.status < 500 or (exchange.error and exchange.status < 400):
        level = logging.WARNING
    elif exchange.path in QUIET_PATHS:
        level = logging.DEBUG
    else:
        level = logging.ERROR if exchange.status >= 500 else logging.INFO
    if log.isEnabledFor(level):
        log.log(level, "request", extra=_fields(exchange))


def _fields(exchange: Exchange) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "request_id": exchange.request_id,
        "id": exchange.id,
        "client_ip": exchange.client_ip,
        "method": exchange.method,
        "path": exchange.path[:500],
        "status": exchange.status,
        "outcome": exchange.outcome,
        "latency_ms": round(exchange.seconds * 1000, 1),
        "user": exchange.user,
        "auth": exchange.auth_kind,
    }
    if exchange.error:
        fields |= {"error": exchange.error.code, "fault": exchange.error.fault}
        if isinstance(exchange.error, UpstreamUnreachable) and exchange.error.reason:
            fields["reason"] = exchange.error.reason
    if exchange.operation:
        fields |= _model_fields(exchange)
    return fields


def _model_fields(exchange: Exchange) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "service": exchange.service,
        "operation": exchange.operation,
        "model": exchange.model[:200],
        "stream": exchange.stream,
        "upstream": exchange.upstream,
        "attempts": len(exchange.attempts),
    }
    if exchange.first_byte is not None:
        first = exchange.first_byte - exchange.started
        fields["first_byte_ms"] = round(first * 1000, 1)
    if exchange.usage:
        fields["prompt_tokens"] = exchange.usage.prompt
        fields["completion_tokens"] = exchange.usage.completion
    if exchange.affinity:
        fields["affinity"] = exchange.affinity
    if exchange.rescued:
        fields["rescued"] = exchange.rescued
    return fields
