"""Going on with an answer that was broken off: which requests allow it, and how it is asked.

vLLM (0.6 and later) continues the last message with `continue_final_message`; llama.cpp and
Ollama take an assistant turn at the end as a prefix by themselves.
"""

from dataclasses import replace
from typing import Any

import orjson

from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Call
from llmwrap.dialects.strict_json import write

_NEVER_WITH = ("tools", "functions", "logprobs", "top_logprobs", "audio")
"""Fields whose answers are more than text, or are counted from their beginning."""


def may_continue(request: Request) -> bool:
    """Only a chat's single stream of free text; the prefix of anything else is no prefix."""
    body = request.body
    one = body.get("n") in (None, 1)
    if request.operation != "chat" or not request.stream or not one:
        return False
    form = body.get("response_format") or {"type": "text"}
    return form.get("type") == "text" and not any(map(body.get, _NEVER_WITH))


def render_continuation(call: Call, text: str, way: str) -> Call:
    """The call that was sent, with what was said as the last turn of the assistant."""
    body: dict[str, Any] = orjson.loads(call.body)
    body["messages"] = [*body["messages"], {"role": "assistant", "content": text}]
    if way == "continue":
        body["continue_final_message"] = True
        body["add_generation_prompt"] = False
    return replace(call, body=write(body))
