"""Plain answers between this dialect and values: of its servers, and for its clients."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmwrap.canonical.answers import (
    Choice,
    Stamp,
    Took,
    Vectors,
    WholeAnswer,
)
from llmwrap.canonical.events import Event, Usage, UsageReported
from llmwrap.canonical.messages import Request
from llmwrap.canonical.vectors import cut, unit
from llmwrap.dialects.ollama.errors import reported_error
from llmwrap.dialects.ollama.events import EventReader
from llmwrap.dialects.ollama.said import (
    done_reason,
    metrics,
    said,
    told_calls,
    told_logprobs,
)
from llmwrap.dialects.ollama.times import nanoseconds, rfc3339
from llmwrap.dialects.upstream_json import read_object, written
from llmwrap.errors import UpstreamProtocolError, UpstreamRefusal


def pass_answer(request: Request, body: bytes) -> tuple[bytes, tuple[Event, ...]]:
    """A plain answer as it leaves: its own bytes unless it names another model."""
    data, proper = _read(body)
    vectors = request.operation == "embeddings"
    if vectors and not proper and _has_gaps(data):
        raise _no_numbers()
    events = _vector_events(data) if vectors else tuple(_whole(data))
    if proper and data.get("model", request.model) == request.model:
        return body, events
    return written({**data, "model": request.model}), events


def read_answer(body: bytes) -> tuple[Event, ...]:
    """The events in an upstream's plain answer."""
    return tuple(_whole(_object(body)))


def _whole(data: Mapping[str, Any]) -> list[Event]:
    if not data.get("done"):
        raise UpstreamProtocolError("the upstream sent an answer that is not complete")
    return EventReader().read(data)


def _object(body: bytes) -> dict[str, Any]:
    return _read(body)[0]


def _read(body: bytes) -> tuple[dict[str, Any], bool]:
    """An answer, and whether `body` is JSON that every client can read."""
    data, proper = read_object(body, "an answer")
    if data.get("error"):
        raise reported_error(data)
    return data, proper


def read_vectors(body: bytes) -> Vectors:
    """The vectors of `/api/embed`, or the one of `/api/embeddings`."""
    data = _object(body)
    rows = _rows(data)
    if not all(
        isinstance(row, list) and set(map(type, row)) <= {float, int} for row in rows
    ):
        raise UpstreamProtocolError("the upstream sent a row without a vector")
    prompt = data.get("prompt_eval_count")
    return Vectors(tuple(rows), prompt if type(prompt) is int else None)


def _rows(data: Mapping[str, Any]) -> list[Any]:
    rows = data.get("embeddings")
    if rows is None and isinstance(data.get("embedding"), list):
        rows = [data["embedding"]]
    if not isinstance(rows, list):
        raise UpstreamProtocolError("the upstream sent an answer without embeddings")
    return rows


def _has_gaps(data: Mapping[str, Any]) -> bool:
    """Whether a number of a vector was none."""
    return any(isinstance(row, list) and None in row for row in _rows(data))


def _no_numbers() -> UpstreamRefusal:
    return UpstreamRefusal(400, "invalid_value", "embedding contains NaN or Inf values")


def _vector_events(data: Mapping[str, Any]) -> tuple[Event, ...]:
    _rows(data)
    prompt = data.get("prompt_eval_count")
    return (UsageReported(Usage(prompt)),) if type(prompt) is int else ()


def render_idle(request: Request, stamp: Stamp) -> bytes:
    """The answer where nothing was asked of the model: one object, whatever the mode."""
    if request.operation == "embeddings":
        return _vectors_told(request, [], {})
    told = {
        "model": request.model,
        "created_at": rfc3339(stamp.began),
        **said(request.form),
        "done": True,
        "done_reason": request.idle,
    }
    return orjson.dumps(told)


def render_answer(
    request: Request, stamp: Stamp, answer: WholeAnswer, took: Took
) -> bytes:
    """The whole answer of a chat or a generation.

    Servers send even the head of a plain answer when it is complete, so that all the time
    counts as the model's: clients make tokens per second of it.
    """
    choice = answer.choices[0] if answer.choices else Choice(0)
    calls = told_calls(choice.calls, stamp.id)
    told: dict[str, Any] = {
        "model": request.model,
        "created_at": rfc3339(stamp.began + took.total),
        **said(request.form, choice.text, choice.reasoning, calls),
        "done": True,
        "done_reason": done_reason(choice.reason),
        **metrics(answer.usage, Took(rest=took.total), took.total),
    }
    if choice.logprobs:
        told["logprobs"] = told_logprobs(choice.logprobs)
    return orjson.dumps(told)


def render_vectors(request: Request, vectors: Vectors, took: Took) -> bytes:
    """The vectors: of length 1 and as short as asked for, or as they came for the older form."""
    rows = vectors.rows
    if request.form == "embed":
        dimensions = request.body.get("dimensions") or 0
        rows = [unit(cut(row, dimensions)) for row in rows]
    if not all(math.isfinite(value) for row in rows for value in row):
        raise _no_numbers()
    figures = {
        "total_duration": nanoseconds(took.total),
        "load_duration": max(1, nanoseconds(took.accepted)),
        "prompt_eval_count": vectors.prompt or 0,
    }
    return _vectors_told(request, rows, figures)


def _vectors_told(
    request: Request, rows: Sequence[Sequence[float]], figures: Mapping[str, int]
) -> bytes:
    if request.form == "embeddings":
        return orjson.dumps({"embedding": rows[0] if rows else []})
    told = {name: value for name, value in figures.items() if value}
    return orjson.dumps({"model": request.model, "embeddings": rows, **told})
