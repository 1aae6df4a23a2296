"""The models of an Ollama upstream, as it lists them at `/api/tags` (0.33, 2026-08)."""

from typing import Any

import orjson

from llmwrap.dialects.base import Call, Model
from llmwrap.dialects.ollama.times import unix_seconds
from llmwrap.errors import UpstreamProtocolError


def models_call() -> Call:
    """What asks for them."""
    return Call("GET", "/api/tags", (("Accept", "application/json"),), b"")


def read_models(body: bytes) -> tuple[Model, ...]:
    """Each under its name with a tag."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamProtocolError("the model list is not JSON") from error
    rows = data.get("models") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise UpstreamProtocolError("the model list has no models")
    return tuple(
        Model(name, unix_seconds(row.get("modified_at")), row, _only_embeds(row))
        for row in rows
        if isinstance(row, dict) and (name := _name(row))
    )


def _name(row: dict[str, Any]) -> str:
    name = row.get("name") or row.get("model")
    return name if isinstance(name, str) else ""


def _only_embeds(row: dict[str, Any]) -> bool:
    """Whether the row says so; those of older servers do not tell what a model can do."""
    told = row.get("capabilities")
    listed = told if isinstance(told, list) else []
    return "embedding" in listed and "completion" not in listed
