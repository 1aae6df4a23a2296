"""Plain answers between this dialect and values: of its servers, and for its clients."""

import math
from typing import Any

import orjson

from llmwrap.canonical.answers import Choice, Stamp, Vectors, WholeAnswer
from llmwrap.canonical.events import Event, Usage
from llmwrap.canonical.ids import call_id
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import ToolCall
from llmwrap.canonical.vectors import cut
from llmwrap.dialects.openai.embeddings import (
    check_finite,
    estimated_usage,
    floats_of,
    packed,
)
from llmwrap.dialects.openai.events import choice_index, read_usage
from llmwrap.dialects.openai.logprobs import render_logprobs, render_older_logprobs
from llmwrap.dialects.openai.response import (
    OBJECTS,
    answer_events,
    read_answer_object,
)
from llmwrap.dialects.openai.said import render_reasoning
from llmwrap.dialects.openai.tools import asks_for_functions
from llmwrap.dialects.openai.turns import render_call
from llmwrap.errors import UpstreamProtocolError

ID_PREFIX = {"chat": "chatcmpl-", "text_completion": "cmpl-"}


def read_answer(body: bytes) -> tuple[Event, ...]:
    """The events in an upstream's plain answer."""
    data = read_answer_object(body)
    if not isinstance(data.get("choices"), list):
        raise UpstreamProtocolError("the upstream sent an answer without choices")
    return answer_events(data)


def read_vectors(body: bytes) -> Vectors:
    """The vectors in an upstream's answer, by their `index`."""
    data = read_answer_object(body)
    rows = data.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UpstreamProtocolError("the upstream sent an answer without data")
    usage = read_usage(data)
    ordered = sorted(rows, key=choice_index)  # keeps the order where there is no index
    return Vectors(tuple(map(_vector, ordered)), usage.prompt if usage else None)


def _vector(row: dict[str, Any]) -> list[float]:
    """The vector of a row; what is no number stays none, and dialects refuse it in their words."""
    vector = row.get("embedding")
    if isinstance(vector, str):
        return floats_of(vector)
    if isinstance(vector, list):
        kinds = set(map(type, vector))
        if kinds <= {float, int}:
            return vector
        if kinds <= {float, int, type(None)}:
            return [math.nan if each is None else each for each in vector]
    raise UpstreamProtocolError("the upstream sent a row without a vector")


def render_answer(request: Request, stamp: Stamp, answer: WholeAnswer) -> bytes:
    """The answer of a chat or a text completion."""
    data: dict[str, Any] = {
        "id": ID_PREFIX[request.operation] + stamp.id,
        "object": OBJECTS[request.operation],
        "created": answer.created or int(stamp.began),
        "model": request.model,
        "choices": [_choice(each, request, stamp) for each in answer.choices],
        "usage": render_usage(answer.usage or Usage()),
    }
    return orjson.dumps(data)


def _choice(choice: Choice, request: Request, stamp: Stamp) -> dict[str, Any]:
    reason = choice.reason
    if choice.calls:
        reason = reason_of_calls(reason, calls_end_as(request))
    told: dict[str, Any] = {"index": choice.index}
    tokens = choice.logprobs
    if request.operation == "chat":
        told["message"] = _message(choice, request, stamp)
        told["logprobs"] = render_logprobs(tokens) if tokens else None
    else:
        told["text"] = choice.text
        told["logprobs"] = render_older_logprobs(tokens, 0) if tokens else None
    return told | {"finish_reason": reason or None}


def _message(choice: Choice, request: Request, stamp: Stamp) -> dict[str, Any]:
    content = choice.text or (None if choice.calls else "")
    told: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if choice.reasoning:
        told |= render_reasoning(choice.reasoning)
    if choice.calls and asks_for_functions(request.body):
        first = choice.calls[0]
        told["function_call"] = {"name": first.name, "arguments": first.arguments}
    elif choice.calls:
        told["tool_calls"] = [
            render_call(_with_id(call, stamp, choice.index, place))
            for place, call in enumerate(choice.calls)
        ]
    return told


def _with_id(call: ToolCall, stamp: Stamp, choice: int, place: int) -> ToolCall:
    if call.id:
        return call
    return ToolCall(call_id(stamp.id, choice, place), call.name, call.arguments)


def calls_end_as(request: Request) -> str:
    """The `finish_reason` of an answer that calls something, by the words of its client."""
    return "function_call" if asks_for_functions(request.body) else "tool_calls"


def reason_of_calls(reason: str, calls_end: str) -> str:
    """Why an answer ended that calls something: it does not merely stop."""
    return calls_end if reason in ("stop", "tool_calls") else reason


def render_usage(usage: Usage) -> dict[str, Any]:
    """The tokens, with the details that are known."""
    told: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
    }
    if usage.cached:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return told


def render_vectors(request: Request, vectors: Vectors) -> bytes:
    """The vectors in the form and length that the client asked for."""
    dimensions = request.body.get("dimensions") or 0
    for row in vectors.rows:
        check_finite(row)
    rows = [cut(each, dimensions) for each in vectors.rows]
    usage = estimated_usage(request.body.get("input"))
    if vectors.prompt is not None:
        usage = {"prompt_tokens": vectors.prompt, "total_tokens": vectors.prompt}
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": packed(row) if request.base64 else row,
        }
        for index, row in enumerate(rows)
    ]
    told = {"object": "list", "data": data, "model": request.model, "usage": usage}
    return orjson.dumps(told)
