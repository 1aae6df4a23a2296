"""The messages of a client, made Ollama's own where they come in OpenAI's forms.

Ollama 0.33 takes text as a string, images as base64 beside it, and arguments as an object. Parts,
`data:` addresses and arguments as a string are what clients send all the same.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from llmwrap.dialects.ollama.go_types import (
    INT,
    STRING,
    Fields,
    check,
    mismatch,
    without_nulls,
)
from llmwrap.dialects.ollama.images import normal_images
from llmwrap.errors import InvalidRequest

_STRUCT = "ChatRequest.messages"

_FIELDS: Fields = {
    "role": STRING,
    "thinking": STRING,
    "images": (list, "[]api.ImageData"),
    "tool_calls": (list, "[]api.ToolCall"),
    "tool_name": STRING,
    "name": STRING,
    "tool_call_id": STRING,
}


def normal_messages(messages: list[Any]) -> list[dict[str, Any]]:
    """Each with `role` in lower case and a string as `content`; 400 for what is none."""
    return [_normal(message) for message in messages]


def _normal(message: Any) -> dict[str, Any]:
    if type(message) is not dict:
        raise mismatch(message, _STRUCT, "api.Message")
    told = without_nulls(message)
    check(_STRUCT, _FIELDS, told)
    told["role"] = told.get("role", "").lower()
    content = told.get("content", "")
    images = list(told.get("images") or ())
    if type(content) is list:
        content, of_parts = _unfolded(content)
        images += of_parts
    elif type(content) is not str:
        raise mismatch(content, _STRUCT, "string")
    told["content"] = content
    if images:
        told["images"] = normal_images(images, _STRUCT)
    if calls := told.get("tool_calls"):
        told["tool_calls"] = [_normal_call(call) for call in calls]
    return told


def _unfolded(parts: list[Any]) -> tuple[str, list[str]]:
    """The text of OpenAI's content parts, a line break between two, and their images."""
    texts: list[str] = []
    images: list[str] = []
    for part in parts:
        kind = part.get("type") if type(part) is dict else None
        if kind == "text" and type(part.get("text")) is str:
            texts.append(part["text"])
        elif type(kind) is str and kind in _MEDIA:
            images.append(_media(part, kind))
        else:
            raise mismatch(parts, _STRUCT, "string")
    return "\n".join(texts), images


_MEDIA: Mapping[str, str] = {"image_url": "url", "input_audio": "data"}
"""A content part that holds no text -> where in it the data stands."""


def _media(part: Mapping[str, Any], kind: str) -> str:
    held = part.get(kind)
    data = held.get(_MEDIA[kind]) if type(held) is dict else held
    if type(data) is not str:
        raise mismatch(data, f"{_STRUCT}.content", "string")
    if data[:8].lower().startswith(("http:", "https:")):
        raise InvalidRequest(
            "an image has to be sent as base64; its address is not fetched",
            param="messages",
        )
    return data


def _normal_call(call: Any) -> dict[str, Any]:
    """One call with its arguments as an object, and nothing that Ollama does not know."""
    function = call.get("function") if type(call) is dict else None
    if type(function) is not dict:
        raise mismatch(function, f"{_STRUCT}.tool_calls", "api.ToolCallFunction")
    where = f"{_STRUCT}.tool_calls.function"
    check(where, {"name": STRING, "index": INT}, function)
    told = without_nulls(function)
    told["arguments"] = _arguments(function)
    if call.get("id") is None:
        return {"function": told}
    check(f"{_STRUCT}.tool_calls", {"id": STRING}, call)
    return {"id": call["id"], "function": told}


def _arguments(function: Mapping[str, Any]) -> dict[str, Any]:
    told = function.get("arguments")
    if type(told) is str:
        told = _parsed(told)
    if told is None:
        return {}
    if type(told) is dict:
        return told
    name = str(function.get("name") or "")[:100]
    raise InvalidRequest(
        f'invalid tool call arguments for "{name}": they are no JSON object',
        param="messages",
    )


def _parsed(text: str) -> Any:
    """What a JSON text says, None for an empty one, and the text itself where it is none."""
    try:
        return orjson.loads(text) if text.strip() else None
    except orjson.JSONDecodeError:
        return text
