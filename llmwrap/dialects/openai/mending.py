"""Calls that a server refused for a field that the client did not ask for, made acceptable.

Servers that do not know an extra field name it in their refusal, each in its own words:
`stream_options` Azure 2024-05, xAI 2025-04, Mistral 2025-08; those of vLLM whoever is another make.
How a refusal tells the limits of an answer: vLLM 0.4-0.20 and OpenAI (2026-05).
"""

import re
from dataclasses import replace
from typing import Any

import orjson

from llmwrap.dialects.base import Call
from llmwrap.dialects.strict_json import write
from llmwrap.errors import GatewayError, UpstreamRefusal

_LENGTHS = ("max_tokens", "max_completion_tokens")

_EXTRAS = ("stream_options", "chat_template_kwargs", "truncate_prompt_tokens")

MENDABLE = (*_EXTRAS, *_LENGTHS)
"""What is ours in a call that another dialect's client asked for."""

_CONTEXT = re.compile(r"maximum context length is (\d+) tokens")
_PROMPT = re.compile(
    r"(at least )?(\d+) (?:in the messages|in the prompt|in your prompt|input tokens)"
)

_BYTES_PER_TOKEN = 2
"""Of a prompt whose tokens the server stopped counting."""


def mended(call: Call, error: GatewayError) -> Call | None:
    """See Dialect."""
    if not isinstance(error, UpstreamRefusal) or not call.ours:
        return None
    body: dict[str, Any] = orjson.loads(call.body)
    refused = f"{error.param} {error.message}"
    ours = [name for name in call.ours if name in body]
    extras = [name for name in ours if name in _EXTRAS and name in refused]
    if extras:
        return replace(call, body=write(_without(body, *extras)))
    room = _room(body, refused)
    for name in ours if room else ():
        if name in _LENGTHS:
            return replace(call, body=write(_shortened(body, name, room)))
    return None


def _shortened(body: dict[str, Any], name: str, room: int) -> dict[str, Any]:
    """A chat without a length may use all the room there is, a completion has to be told."""
    if "prompt" in body:
        return body | {name: room}
    return _without(body, name)


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in names}


def _room(body: dict[str, Any], refusal: str) -> int:
    """How many tokens an answer may have by the server's own word; 0 where it says nothing."""
    context, prompt = _CONTEXT.search(refusal), _PROMPT.search(refusal)
    if not context or not prompt:
        return 0
    told = int(prompt[2])
    if prompt[1]:  # it counted as far as it had to
        told = max(told, _size(body.get("prompt")) // _BYTES_PER_TOKEN)
    return max(0, int(context[1]) - told)


def _size(prompt: Any) -> int:
    texts = prompt if isinstance(prompt, list) else [prompt or ""]
    return max(len(str(each).encode()) for each in texts)
