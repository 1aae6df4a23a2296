"""The fields of each way of asking: their types, and which values Ollama takes (0.33, 2026-08)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from llmwrap.dialects.ollama.go_types import (
    BOOL,
    INT,
    OBJECT,
    STRING,
    Fields,
    check,
    mismatch,
)
from llmwrap.dialects.ollama.images import normal_images
from llmwrap.dialects.ollama.messages import normal_messages
from llmwrap.dialects.strict_json import write
from llmwrap.errors import InvalidRequest

_COMMON: Fields = {"model": STRING, "options": OBJECT}
_ANSWERED: Fields = {
    **_COMMON,
    "stream": BOOL,
    "truncate": BOOL,
    "shift": BOOL,
    "logprobs": BOOL,
    "top_logprobs": INT,
}


@dataclass(frozen=True, slots=True)
class _Form:
    """One way of asking: what Go calls its body, and the types of its fields."""

    struct: str
    fields: Fields


_FORMS = {
    "chat": _Form(
        "ChatRequest",
        {
            **_ANSWERED,
            "messages": (list, "[]api.Message"),
            "tools": (list, "api.Tools"),
        },
    ),
    "generate": _Form(
        "GenerateRequest",
        {
            **_ANSWERED,
            "prompt": STRING,
            "suffix": STRING,
            "system": STRING,
            "template": STRING,
            "context": (list, "[]int"),
            "raw": BOOL,
            "images": (list, "[]api.ImageData"),
        },
    ),
    "embed": _Form("EmbedRequest", {**_COMMON, "truncate": BOOL, "dimensions": INT}),
    "embeddings": _Form("EmbeddingRequest", {**_COMMON, "prompt": STRING}),
}


def check_types(form: str, told: Mapping[str, Any]) -> None:
    """Refuse (400) a field of another type than the form's."""
    check(_FORMS[form].struct, _FORMS[form].fields, told)


def check_answered(form: str, told: dict[str, Any]) -> None:
    """The fields of a chat and of a generation; `told` gets messages and images as Ollama's."""
    _check_think(told.get("think"))
    if form == "chat":
        told["messages"] = normal_messages(told.get("messages") or [])
        _check_tools(told.get("tools") or [])
    else:
        if images := told.get("images"):
            told["images"] = normal_images(images, "GenerateRequest")
        for token in told.get("context") or ():
            if type(token) is not int:
                raise mismatch(token, "GenerateRequest.context", "int")
    if not 0 <= told.get("top_logprobs", 0) <= _MOST_LOGPROBS:
        raise InvalidRequest(
            f"top_logprobs must be between 0 and {_MOST_LOGPROBS}", param="top_logprobs"
        )


_MOST_LOGPROBS = 20

_LEVELS = ("high", "medium", "low", "max")
_EFFORTS = '"high", "medium", "low", "max", true, or false'


def _check_think(think: Any) -> None:
    if think is None or type(think) is bool or think in _LEVELS:
        return
    if type(think) is str:
        shown = orjson.dumps(think[:100]).decode()
        raise InvalidRequest(
            f"invalid think value: {shown} (must be {_EFFORTS})", param="think"
        )
    raise InvalidRequest(
        f"think must be a boolean or string ({_EFFORTS})", param="think"
    )


def _check_tools(tools: list[Any]) -> None:
    for tool in tools:
        if type(tool) is not dict:
            raise mismatch(tool, "ChatRequest.tools", "api.Tool")
        if type(tool.get("function")) is not dict:
            raise mismatch(
                tool.get("function"), "ChatRequest.tools.function", "api.ToolFunction"
            )


def inputs_of(value: Any) -> list[str]:
    """The texts to be embedded; none where there is nothing to embed."""
    if value is None or value == "":
        return []
    inputs = value if type(value) is list else [value]
    if any(type(text) is not str for text in inputs):
        raise InvalidRequest("invalid input type", param="input")
    return inputs


def check_raw(told: Mapping[str, Any]) -> None:
    """Refuse what a prompt that is passed as it stands has no place for."""
    if told.get("raw") and any(map(told.get, ("template", "system", "context"))):
        raise InvalidRequest(
            "raw mode does not support template, system, or context", param="raw"
        )


def check_format(value: Any) -> None:
    """Refuse a format that is neither JSON nor a schema of it."""
    if value is None or value in ("", "json") or type(value) is dict:
        return
    told = write(value)[:100].decode(errors="ignore")
    shown = orjson.dumps(told).decode()
    raise InvalidRequest(
        f'invalid format: {shown}; expected "json" or a valid JSON Schema object',
        param="format",
    )
