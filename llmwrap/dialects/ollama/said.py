"""What a model said, as the JSON of an answer: the same keys in a line and in a whole answer.

Chats have it in `message`, generations beside the rest (Ollama 0.33, 2026-08).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from llmwrap.canonical.answers import Took
from llmwrap.canonical.events import TokenLogprob, Usage
from llmwrap.canonical.ids import call_id
from llmwrap.canonical.tasks import ToolCall
from llmwrap.dialects.ollama.times import nanoseconds
from llmwrap.errors import UpstreamProtocolError

_IMPOSSIBLE = -9999.0
"""A log probability that JSON has no number for."""


def said(
    form: str,
    text: str = "",
    thinking: str = "",
    calls: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The keys that hold an answer; text is there in every line, the others where they are."""
    beside: dict[str, Any] = {"thinking": thinking} if thinking else {}
    if calls:
        beside["tool_calls"] = list(calls)
    if form == "chat":
        return {"message": {"role": "assistant", "content": text, **beside}}
    return {"response": text, **beside}


def told_calls(calls: Iterable[ToolCall], answer: str) -> list[dict[str, Any]]:
    """Calls in their order, numbered anew, each with an id; `answer` is a unique id.

    UpstreamProtocolError where the arguments are no object.
    """
    return [
        {
            "id": call.id or f"call_{call_id(answer, 0, number)[:8]}",
            "function": {
                "index": number,
                "name": call.name,
                "arguments": _arguments(call),
            },
        }
        for number, call in enumerate(calls)
    ]


def _arguments(call: ToolCall) -> dict[str, Any]:
    """The object that the arguments are; some servers wrap it in a string once more."""
    told: Any = call.arguments
    for _ in range(2):
        if not isinstance(told, str):
            break
        told = _parsed(told, call.name)
    if told is None:
        return {}
    if isinstance(told, dict):
        return told
    raise _invalid(call.name, "no JSON object")


def _parsed(text: str, name: str) -> Any:
    try:
        return orjson.loads(text) if text.strip() else None
    except orjson.JSONDecodeError as error:
        raise _invalid(name, str(error)) from error


def _invalid(name: str, reason: str) -> UpstreamProtocolError:
    return UpstreamProtocolError(
        f'invalid tool call arguments for "{name[:100]}": {reason}'
    )


def done_reason(reason: str) -> str:
    """Why an answer is done: Ollama has two reasons."""
    return "length" if reason == "length" else "stop"


def told_logprobs(tokens: Iterable[TokenLogprob]) -> list[dict[str, Any]]:
    """Tokens with the likeliest others in their places."""
    return [
        {**_token(each), "top_logprobs": list(map(_token, each.top))}
        if each.top
        else _token(each)
        for each in tokens
    ]


def _token(each: TokenLogprob) -> dict[str, Any]:
    logprob = each.logprob if math.isfinite(each.logprob) else _IMPOSSIBLE
    told: dict[str, Any] = {"token": each.token, "logprob": logprob}
    if each.data is not None:
        told["bytes"] = list(each.data)
    return told


def metrics(usage: Usage | None, took: Took, total_s: float) -> dict[str, int]:
    """Counts and nanoseconds; what is not known is left out, as Ollama leaves out zeros.

    The parts never exceed the whole, and tokens never took no time: clients divide by it.
    """
    load = max(1, nanoseconds(took.accepted))
    prompt = nanoseconds(took.first)
    rest = nanoseconds(took.rest)
    tokens = usage or Usage()
    if tokens.completion:
        rest = max(1, rest)
    told = {
        "total_duration": max(nanoseconds(total_s), load + prompt + rest),
        "load_duration": load,
        "prompt_eval_count": tokens.prompt,
        "prompt_eval_duration": prompt,
        "eval_count": tokens.completion,
        "eval_duration": rest,
    }
    return {name: value for name, value in told.items() if value}
