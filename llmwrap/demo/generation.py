"""What the demo says to a chat or a prompt, plain or streamed. No IO, no clock.

Shapes: OpenAI API schema 2.3.0 of 2026-08-21, chat completions and completions.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from llmwrap.demo.fields import (
    Json,
    read_integer,
    read_mapping,
    read_model,
    read_objects,
    read_stream,
    read_texts,
    wants_usage,
)
from llmwrap.demo.instances import render_instance
from llmwrap.demo.pools import DEMO_MODELS
from llmwrap.errors import InvalidRequest, MissingParameter

Answer = Json | Iterator[Json]
"""A plain answer, or the chunks of a stream."""

CREATED = 1_767_225_600
"""`created` of every object, 2026-01-01 in Unix seconds: the demo is deterministic."""

NOTICE = (
    "No model is connected to this llmwrap: this text comes from its built-in demo. "
    "To connect one, add a [[pools]] entry to config.toml, or start Ollama or vLLM "
    "on this machine, and start llmwrap again."
)

GENERATING = (DEMO_MODELS["chat"], DEMO_MODELS["code"])
MAX_CHOICES = 128
MAX_TOKENS = range(1, 2**31)
EXCERPT_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class _Turn:
    """One choice: text, or (with a `function`) the arguments of a tool call."""

    text: str
    finish_reason: str = "stop"
    function: str = ""


def chat(body: Json) -> Answer:
    """Answer `POST /chat/completions`; raises InvalidRequest before the first chunk."""
    model = read_model(body, GENERATING)
    messages = read_objects(body, "messages")
    if not messages:
        raise MissingParameter("messages is missing or empty", param="messages")
    count = _count(body, 1)
    prompt = " ".join(_text_of(message) for message in messages)
    turn = _chat_turn(body, messages)
    base = {"id": _id("chatcmpl", prompt), "created": CREATED, "model": model}
    usage = usage_of([prompt], [turn.text] * count)
    include_usage = wants_usage(body)
    if read_stream(body):
        steps = (step for i in range(count) for step in _chat_steps(turn, i))
        base |= {"object": "chat.completion.chunk"}
        return _chunks(base, steps, usage if include_usage else None)
    choices = [_chat_choice(turn, i) for i in range(count)]
    return base | {"object": "chat.completion", "choices": choices, "usage": usage}


def text_completion(body: Json) -> Answer:
    """Answer `POST /completions`; choices are ordered by prompt, then by `n`."""
    model = read_model(body, GENERATING)
    prompts = read_texts(body, "prompt")
    count = _count(body, len(prompts))
    limit = read_integer(body, "max_tokens", MAX_TOKENS)
    turns = [_cut(_reply_to(prompt), limit) for prompt in prompts for _ in range(count)]
    base = {
        "id": _id("cmpl", *prompts),
        "object": "text_completion",
        "created": CREATED,
        "model": model,
    }
    usage = usage_of(prompts, [turn.text for turn in turns])
    include_usage = wants_usage(body)
    if read_stream(body):
        steps = (step for i, turn in enumerate(turns) for step in _text_steps(turn, i))
        return _chunks(base, steps, usage if include_usage else None)
    choices = [_text_choice(i, t.text, t.finish_reason) for i, t in enumerate(turns)]
    return base | {"choices": choices, "usage": usage}


def usage_of(prompts: Iterable[str], answers: Iterable[str]) -> dict[str, int]:
    """Count words where a model would count tokens."""
    prompt = sum(len(text.split()) for text in prompts)
    completion = sum(len(text.split()) for text in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _chat_turn(body: Json, messages: list[Json]) -> _Turn:
    turn = _tool_call(body, messages[-1])
    if turn is not None:
        return turn
    users = [message for message in messages if message.get("role") == "user"]
    text = _reply_to(_text_of(users[-1]) if users else "")
    response_format = read_mapping(body, "response_format")
    if response_format.get("type") == "json_object":
        text = orjson.dumps({"notice": NOTICE}).decode()
    if response_format.get("type") == "json_schema":
        wanted = read_mapping(dict(response_format), "json_schema")
        text = render_instance(wanted.get("schema"))
    limits = [
        read_integer(body, name, MAX_TOKENS)
        for name in ("max_completion_tokens", "max_tokens")
    ]
    return _cut(text, limits[0] or limits[1])


def _tool_call(body: Json, last: Json) -> _Turn | None:
    """Call the named function, the first if required, or one that the user mentions.

    Unasked, only a user's message is answered by a call, so that a loop of tool results
    ends. A named function finishes with `stop` (OpenAI and vLLM alike), the others with
    `tool_calls`.
    """
    functions = _functions(body)
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        name = choice["function"].get("name")
        if name not in functions:
            raise InvalidRequest(
                f"function {name!r} is not among the tools", param="tool_choice"
            )
        return _Turn(render_instance(functions[name]), function=name)
    mentioned = list(functions)
    if choice != "required":
        said = _text_of(last) if last.get("role") == "user" else ""
        mentioned = [name for name in functions if name in said]
    if not mentioned or choice == "none":
        return None
    name = mentioned[0]
    return _Turn(render_instance(functions[name]), "tool_calls", name)


def _functions(body: Json) -> dict[str, Any]:
    """Return the schema of each named function's arguments, in the order of `tools`."""
    functions = [read_mapping(tool, "function") for tool in read_objects(body, "tools")]
    return {
        name: function.get("parameters")
        for function in functions
        if isinstance(name := function.get("name"), str) and name
    }


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return " ".join(text for text in texts if isinstance(text, str))


def _reply_to(prompt: str) -> str:
    said = " ".join(prompt.split())
    if len(said) > EXCERPT_CHARACTERS:
        said = said[:EXCERPT_CHARACTERS] + "..."
    return f"{NOTICE} You wrote: {said}"


def _cut(text: str, limit: int | None) -> _Turn:
    words = re.findall(r"\S+\s*", text)
    if limit is None or len(words) <= limit:
        return _Turn(text)
    return _Turn("".join(words[:limit]).rstrip(), "length")


def _count(body: Json, prompts: int) -> int:
    if prompts > MAX_CHOICES:
        raise InvalidRequest(
            f"{prompts} prompts; accepted: up to {MAX_CHOICES}", param="prompt"
        )
    return read_integer(body, "n", range(1, MAX_CHOICES // prompts + 1)) or 1


def _id(prefix: str, *prompts: str) -> str:
    digest = sha256("\n".join(prompts).encode()).hexdigest()
    return f"{prefix}-demo{digest[:20]}"


def _chat_choice(turn: _Turn, index: int) -> Json:
    message: Json = {"role": "assistant", "content": turn.text, "refusal": None}
    if turn.function:
        call = _call(turn.function, turn.text, index)
        message |= {"content": None, "tool_calls": [call]}
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": turn.finish_reason,
    }


def _call(name: str, arguments: str, index: int) -> Json:
    digest = sha256(name.encode()).hexdigest()
    return {
        "id": f"call_{digest[:20]}{index}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _pieces(text: str) -> list[str]:
    """Cut text at words, long ones in parts; joined, the pieces are the text."""
    return re.findall(r"\S{1,12}\s*|\s+", text)


def _chat_steps(turn: _Turn, index: int) -> Iterator[Json]:
    yield _delta(index, {"role": "assistant", "content": None if turn.function else ""})
    if turn.function:
        call = {"index": 0} | _call(turn.function, "", index)
        yield _delta(index, {"tool_calls": [call]})
    for piece in _pieces(turn.text):
        part: Json = {"index": 0, "function": {"arguments": piece}}
        yield _delta(
            index, {"tool_calls": [part]} if turn.function else {"content": piece}
        )
    yield _delta(index, {}) | {"finish_reason": turn.finish_reason}


def _delta(index: int, delta: Json) -> Json:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}


def _text_steps(turn: _Turn, index: int) -> Iterator[Json]:
    for piece in _pieces(turn.text):
        yield _text_choice(index, piece, None)
    yield _text_choice(index, "", turn.finish_reason)


def _text_choice(index: int, text: str, finish_reason: str | None) -> Json:
    return {
        "index": index,
        "text": text,
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def _chunks(
    base: Json, steps: Iterator[Json], usage: dict[str, int] | None
) -> Iterator[Json]:
    """Wrap each step; `usage` comes in a last chunk, and is null in the others."""
    rest: Json = {} if usage is None else {"usage": None}
    for step in steps:
        yield base | {"choices": [step]} | rest
    if usage is not None:
        yield base | {"choices": [], "usage": usage}
