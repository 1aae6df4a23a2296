"""The messages of a chat and the tool calls in them, between JSON and values."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmwrap.canonical.pairing import paired
from llmwrap.canonical.tasks import Message, Text, ToolCall
from llmwrap.dialects.openai.engines import Engine
from llmwrap.dialects.openai.parts import read_parts, render_parts
from llmwrap.dialects.openai.schemas import refuse
from llmwrap.errors import InvalidRequest

_ROLES = {"developer": "system", "function": "tool"}
"""Roles of this dialect alone, and what the others call them."""


def read_turns(messages: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """The messages of a validated request."""
    return paired(_read(f"messages[{n}]", each) for n, each in enumerate(messages))


def _read(where: str, message: Mapping[str, Any]) -> Message:
    role = _ROLES.get(message["role"], message["role"])
    parts = read_parts(where, message.get("content"))
    if role == "tool":
        call_id = _text(message, "tool_call_id")
        return Message(role, parts, call_id=call_id, name=_text(message, "name"))
    if role != "assistant":
        return Message(role, parts)
    if not parts and (refusal := _text(message, "refusal")):
        parts = (Text(refusal),)
    reasoning = _text(message, "reasoning_content") or _text(message, "reasoning")
    return Message(role, parts, reasoning, _read_calls(where, message))


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _read_calls(where: str, message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        refuse(f"{where}.tool_calls", calls, "an array")
    read = [
        _read_call(f"{where}.tool_calls[{place}]", call)
        for place, call in enumerate(calls or ())
    ]
    if (function := message.get("function_call")) is not None:
        read.append(_read_call(where, {"function": function}, "function_call"))
    return tuple(read)


def _read_call(where: str, call: Any, key: str = "function") -> ToolCall:
    fields = call if isinstance(call, dict) else {}
    function = fields.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        refuse(f"{where}.{key}", function, "an object with a name and arguments")
    arguments = _arguments(f"{where}.{key}.arguments", function.get("arguments"))
    return ToolCall(_text(fields, "id"), name, arguments)


def _arguments(where: str, told: Any) -> str:
    """The JSON text of an object, as it was sent."""
    if told in (None, ""):
        return "{}"
    if isinstance(told, dict):
        return orjson.dumps(told).decode()
    try:
        if isinstance(told, str) and isinstance(orjson.loads(told), dict):
            return told
    except orjson.JSONDecodeError:
        pass
    raise InvalidRequest(
        f"invalid tool call arguments: {where} is no JSON object", param=where
    )


def render_turns(messages: Sequence[Message], engine: Engine) -> list[dict[str, Any]]:
    """`messages` as a server of this make reads them."""
    return [_render(message, engine) for message in messages]


def _render(message: Message, engine: Engine) -> dict[str, Any]:
    told: dict[str, Any] = {
        "role": message.role,
        "content": render_parts(message.parts),
    }
    if message.reasoning and engine.reads_reasoning:
        told["reasoning_content"] = message.reasoning
    if message.calls:
        told["tool_calls"] = [render_call(call) for call in message.calls]
    if message.role == "tool":
        told["tool_call_id"] = message.call_id
        if message.name:
            told["name"] = message.name
    return told


def render_call(call: ToolCall) -> dict[str, Any]:
    """One call of the model, whole."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
