"""Calls that an Ollama server did not answer, made so that it may."""

from dataclasses import replace
from typing import Any

import orjson

from llmwrap.dialects.base import Call
from llmwrap.dialects.strict_json import write
from llmwrap.errors import GatewayError, ModelLoading, UpstreamRefusal

MENDABLE = ("think",)
"""What is ours in a call that another dialect's client asked for."""

_NO_THINKING = ("does not support thinking", 'think value "')
"""In refusals of a model that cannot think, or not so hard (Ollama 0.9-0.33, 2026-08)."""


def mended(call: Call, error: GatewayError) -> Call | None:
    """See Dialect; a server that loaded the model instead of answering is asked once more."""
    if isinstance(error, ModelLoading):
        return call
    if not isinstance(error, UpstreamRefusal) or "think" not in call.ours:
        return None
    body: dict[str, Any] = orjson.loads(call.body)
    if "think" not in body or not any(each in error.message for each in _NO_THINKING):
        return None
    del body["think"]
    return replace(call, body=write(body))
