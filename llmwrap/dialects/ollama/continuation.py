"""Going on with an answer that was broken off: Ollama (0.33) takes a last turn of the assistant
as the beginning of its answer.
"""

from dataclasses import replace
from typing import Any

import orjson

from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Call
from llmwrap.dialects.strict_json import write

_NEVER_WITH = ("tools", "format", "logprobs")
"""Fields whose answers are more than text, or are counted from their beginning."""


def may_continue(request: Request) -> bool:
    """Only a chat's stream of free text that was not begun by the client."""
    body = request.body
    if request.form != "chat" or not request.stream or request.idle:
        return False
    begun = body["messages"][-1]["role"] == "assistant"
    return not begun and not any(map(body.get, _NEVER_WITH))


def render_continuation(call: Call, text: str) -> Call:
    """The call that was sent, with what was said as the last turn of the assistant."""
    body: dict[str, Any] = orjson.loads(call.body)
    body["messages"] = [*body["messages"], {"role": "assistant", "content": text}]
    return replace(call, body=write(body))
