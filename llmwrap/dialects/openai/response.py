"""Plain answers, error answers and model lists of the OpenAI dialect.

Upstreams are read leniently: flat, nested, string and `detail` errors all occur (vLLM before
and after 0.10.1, llama.cpp, TGI, TEI, Ollama; 2026-11).
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from llmwrap.canonical.events import Event, UsageReported
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Headers, Model
from llmwrap.dialects.openai.embeddings import fit_vectors
from llmwrap.dialects.openai.events import (
    add_choice,
    choice_index,
    count,
    read_usage,
)
from llmwrap.errors import (
    GatewayError,
    ModelLoading,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamMute,
    UpstreamNotReady,
    UpstreamOverloaded,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRedirected,
    UpstreamRefusal,
    UpstreamSlow,
    UpstreamUnavailable,
)
from llmwrap.settings.values import ServiceSettings

OBJECTS = {
    "chat": "chat.completion",
    "text_completion": "text_completion",
    "embeddings": "list",
}

_MAX_MESSAGE = 2000
_MAX_DEPTH = 4
_RETRY_AFTER_S = 5

_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,15}://\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
    re.IGNORECASE,
)


def error_body(error: GatewayError) -> dict[str, str | None]:
    """The four keys that every client reads."""
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }


def render_error(
    error: GatewayError, service: ServiceSettings
) -> tuple[int, Headers, bytes]:
    """An error answer; `detail` repeats the message for users of the older documents."""
    status = error.status
    if error.fault == "upstream" and status >= 500:
        status = service.upstream_error_status or status
    body = {"error": error_body(error), "detail": error.message}
    return status, (("Content-Type", "application/json"),), orjson.dumps(body)


def pass_answer(request: Request, body: bytes) -> tuple[bytes, tuple[Event, ...]]:
    """A plain answer as it leaves: its own bytes unless a field must change."""
    data = _object(body)
    if error := reported_error(data):
        raise error
    rows = "data" if request.operation == "embeddings" else "choices"
    if not isinstance(data.get(rows), list):
        raise UpstreamProtocolError(f"the upstream sent an answer without {rows}")
    changed = False
    wanted = {"model": request.model, "object": OBJECTS[request.operation]}
    for name, value in wanted.items():
        if data.get(name) != value:
            data[name] = value
            changed = True
    if request.operation == "embeddings":
        changed |= fit_vectors(data, request)
    return written(data) if changed else body, _events(data)


def written(data: Mapping[str, Any]) -> bytes:
    """What an upstream said as JSON again; UpstreamProtocolError where it nests too deep."""
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError as error:
        raise UpstreamProtocolError(
            "the upstream sent JSON that nests too deep"
        ) from error


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamProtocolError(
            "the upstream sent an answer that is not JSON"
        ) from error
    if not isinstance(data, dict):
        raise UpstreamProtocolError("the upstream sent an answer that is no object")
    return data


def _events(data: Mapping[str, Any]) -> tuple[Event, ...]:
    events: list[Event] = []
    for choice in data.get("choices") or ():
        if isinstance(choice, dict):
            add_choice(choice_index(choice), choice, events)
    if usage := read_usage(data):
        events.append(UsageReported(usage))
    return tuple(events)


def reported_error(data: Mapping[str, Any]) -> GatewayError | None:
    """The error that a 200 answer or a stream's event turns out to be."""
    error = data.get("error")
    if not error and data.get("object") == "error":
        error = data
    if not error:
        return None
    return error_of(_status_told(error), error)


_STATUS_OF_WORD = {
    "invalid_request_error": 400,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_is_overloaded": 503,
    "overloaded_error": 529,
}
"""Codes and types whose errors have no number (OpenAI 2026-08, Anthropic 2026-10)."""


def _status_told(error: Any) -> int:
    """The status that an error inside a 200 answer stands for; 500 where it does not say."""
    if not isinstance(error, dict):
        return 500
    for name in ("code", "http_status_code", "status", "status_code"):
        value = error.get(name)
        if type(value) is int and 400 <= value < 600:
            return value
    for name in ("code", "type"):
        word = error.get(name)
        if isinstance(word, str) and word in _STATUS_OF_WORD:
            return _STATUS_OF_WORD[word]
    return 500


def read_error(status: int, body: bytes) -> GatewayError:
    """What an upstream's error answer means; its text is kept, its HTML is not."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = None
    if isinstance(data, dict):
        data = data.get("error") or data
    return error_of(status, data)


def error_of(status: int, told: Any) -> GatewayError:
    """The error of an upstream that answered `status` and told `told` (object or text).

    424 is the backend's failure behind TEI and TGI (2026), not the request's.
    """
    message = _message(told)
    if status in (401, 403):
        return UpstreamAuthFailed("the upstream refused this gateway's own credential")
    if status in (408, 425):
        return UpstreamSlow(message or "the upstream timed out")
    if status == 404:
        return UpstreamModelMissing(
            message or "the upstream does not have the model", param="model"
        )
    if status in _BUSY:
        kind, ours = _BUSY[status]
        kind = ModelLoading if _is_loading(told) else kind
        return kind(message or ours, retry_after_s=_RETRY_AFTER_S)
    if status in (502, 504) or 520 <= status < 525:
        return UpstreamUnavailable(
            message or f"the upstream failed with status {status}"
        )
    if status == 424 or (status >= 500 and status != 501):
        return UpstreamError(message) if message else _mute(status)
    if status >= 400:
        return _refusal(400 if status == 422 else status, told, message)
    kind = UpstreamRedirected if status >= 300 else UpstreamProtocolError
    return kind(f"the upstream answered with status {status}")


_BUSY: dict[int, tuple[type[GatewayError], str]] = {
    429: (UpstreamRateLimited, "the upstream is rate limited"),
    503: (UpstreamNotReady, "the upstream is not ready"),
    529: (UpstreamOverloaded, "the upstream is overloaded"),
}


def _mute(status: int) -> GatewayError:
    return UpstreamMute(f"the upstream failed with status {status}, without a word")


def _is_loading(told: Any) -> bool:
    """llama.cpp's `unavailable_error` (2026): the server is up, the model is being read."""
    return isinstance(told, dict) and told.get("type") == "unavailable_error"


def _refusal(status: int, told: Any, message: str) -> GatewayError:
    fields = told if isinstance(told, dict) else {}
    code = fields.get("code")
    param = fields.get("param")
    return UpstreamRefusal(
        status,
        code if isinstance(code, str) and code else _CODES.get(status, "invalid_value"),
        message or f"the upstream refused the request with status {status}",
        param=param if isinstance(param, str) else None,
    )


_CODES = {404: "not_found", 413: "request_too_large", 501: "unsupported_parameter"}


def _message(told: Any) -> str:
    """The text of an upstream's error in any of its shapes: bounded, without addresses."""
    text = _text(told, _MAX_DEPTH)
    return _ADDRESS.sub("[address]", text[: 2 * _MAX_MESSAGE])[:_MAX_MESSAGE]


def _text(told: Any, depth: int) -> str:
    if isinstance(told, str):
        return told
    if isinstance(told, dict):
        names = ("message", "detail", "error", "msg")
        told = [next(filter(None, map(told.get, names)), None)]
    if not isinstance(told, list) or not depth:
        return ""
    return "; ".join(filter(None, (_text(item, depth - 1) for item in told[:8])))


def read_models(body: bytes) -> tuple[Model, ...]:
    """The models of a list answer: `{"data": [...]}`, or a bare array."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamProtocolError("the model list is not JSON") from error
    rows = data.get("data") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise UpstreamProtocolError("the model list has no data")
    return tuple(
        _model(row)
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]
    )


def _model(row: dict[str, Any]) -> Model:
    return Model(row["id"], count(row.get("created")), row)
