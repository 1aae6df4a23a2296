"""Plain answers, error answers and model lists of the OpenAI dialect.

Upstreams are read leniently: flat, nested, string and `detail` errors all occur (vLLM before
and after 0.10.1, llama.cpp, TGI, TEI, Ollama; 2026-11).
"""

from collections.abc import Mapping
from typing import Any

import orjson

from llmwrap.canonical.events import Event, UsageReported
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Headers, Model
from llmwrap.dialects.openai.embeddings import fit_vectors
from llmwrap.dialects.openai.events import (
    ChoiceReader,
    choice_index,
    count,
    read_counts,
)
from llmwrap.dialects.statuses import error_of_status, read_error_body, shown
from llmwrap.dialects.upstream_json import read_object, written
from llmwrap.errors import (
    GatewayError,
    ModelLoading,
    UpstreamNotReady,
    UpstreamOverloaded,
    UpstreamProtocolError,
    UpstreamRateLimited,
)
from llmwrap.settings.values import ServiceSettings

OBJECTS = {
    "chat": "chat.completion",
    "text_completion": "text_completion",
    "embeddings": "list",
}

_MAX_DEPTH = 4
_RETRY_AFTER_S = 5


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
    data, proper = _read(body)
    rows = "data" if request.operation == "embeddings" else "choices"
    if not isinstance(data.get(rows), list):
        raise UpstreamProtocolError(f"the upstream sent an answer without {rows}")
    changed = not proper
    wanted = {"model": request.model, "object": OBJECTS[request.operation]}
    for name, value in wanted.items():
        if data.get(name) != value:
            data[name] = value
            changed = True
    if request.operation == "embeddings":
        changed |= fit_vectors(data, request)
    reader = ChoiceReader()
    events = answer_events(data, reader)
    return written(data) if changed or reader.changed else body, events


def read_answer_object(body: bytes) -> dict[str, Any]:
    """A plain answer; a GatewayError where it is none, or reports an error."""
    return _read(body)[0]


def _read(body: bytes) -> tuple[dict[str, Any], bool]:
    """The same, and whether `body` is JSON that every client can read."""
    data, proper = read_object(body, "an answer")
    if failure := reported_error(data):
        raise failure
    return data, proper


def answer_events(
    data: Mapping[str, Any], reader: ChoiceReader | None = None
) -> tuple[Event, ...]:
    """What a plain answer says, each choice whole; `reader` tells what was put right in it."""
    events: list[Event] = []
    reader = reader or ChoiceReader()
    choices = data.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            reader.read(choice_index(choice), choice, events)
    if usage := read_counts(data):
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
    data = read_error_body(body)
    if isinstance(data, dict):
        data = data.get("error") or data
    return error_of(status, data)


def error_of(status: int, told: Any) -> GatewayError:
    """The error of an upstream that answered `status` and told `told` (object or text)."""
    message = shown(_text(told, _MAX_DEPTH))
    if status in _BUSY:
        kind, ours = _BUSY[status]
        kind = ModelLoading if _is_loading(told) else kind
        return kind(message or ours, retry_after_s=_RETRY_AFTER_S)
    fields = told if isinstance(told, dict) else {}
    code, param = fields.get("code"), fields.get("param")
    param = param or _place(fields.get("detail"))
    return error_of_status(
        status,
        message,
        code if isinstance(code, str) else "",
        param if isinstance(param, str) else None,
    )


_BUSY: dict[int, tuple[type[GatewayError], str]] = {
    429: (UpstreamRateLimited, "the upstream is rate limited"),
    503: (UpstreamNotReady, "the upstream is not ready"),
    529: (UpstreamOverloaded, "the upstream is overloaded"),
}


def _is_loading(told: Any) -> bool:
    """llama.cpp's `unavailable_error` (2026): the server is up, the model is being read."""
    return isinstance(told, dict) and told.get("type") == "unavailable_error"


def _place(told: Any) -> Any:
    """The field that pydantic's first complaint is about (Mistral 2025-08, TEI)."""
    first = told[0] if isinstance(told, list) and told else None
    place = first.get("loc") if isinstance(first, dict) else None
    return place[-1] if isinstance(place, list) and place else None


def _text(told: Any, depth: int) -> str:
    """The text of an upstream's error in any of its shapes."""
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
