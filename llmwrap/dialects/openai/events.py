"""What the JSON of an answer says, as events: the same keys occur whole and in pieces.

Both `reasoning_content` (llama.cpp, older vLLM) and `reasoning` (Ollama, vLLM from 0.16) occur.
"""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.events import (
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)


def choice_index(choice: Mapping[str, Any]) -> int:
    """The choice's number; 0 where an upstream leaves it out."""
    index = choice.get("index")
    return index if type(index) is int else 0


def add_choice(index: int, choice: dict[str, Any], events: list[Event]) -> bool:
    """Append the events of choice `index`, of a plain answer or of a stream's chunk.

    Whether it is finished with that.
    """
    said = choice.get("delta") or choice.get("message")
    if isinstance(said, dict):
        _add_said(index, said, events)
    elif text := choice.get("text"):
        events.append(TextDelta(index, str(text)))
    if reason := choice.get("finish_reason"):
        events.append(Finished(index, str(reason)))
        return True
    return False


def _add_said(index: int, said: dict[str, Any], events: list[Event]) -> None:
    if thought := said.get("reasoning_content") or said.get("reasoning"):
        events.append(ReasoningDelta(index, str(thought)))
    if text := said.get("content"):
        events.append(TextDelta(index, str(text)))
    if said.keys() <= _COMMON:
        return
    if refusal := said.get("refusal"):
        events.append(TextDelta(index, str(refusal)))
    if isinstance(audio := said.get("audio"), dict):
        events.append(TextDelta(index, str(audio.get("transcript") or "(audio)")))
    calls = said.get("tool_calls")
    for place, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            events.append(_tool_call(index, place, call))
    if function := said.get("function_call"):
        events.append(_tool_call(index, 0, {"function": function}))


_COMMON = frozenset({"role", "content", "reasoning", "reasoning_content"})
"""The keys of nearly every chunk: nothing else has to be looked for."""


def _tool_call(index: int, place: int, call: Mapping[str, Any]) -> ToolCallDelta:
    function = call.get("function") or call.get("custom")
    if not isinstance(function, dict):
        function = {}
    number = call.get("index")
    return ToolCallDelta(
        index,
        number if type(number) is int else place,
        str(call.get("id") or ""),
        str(function.get("name") or ""),
        str(function.get("arguments") or function.get("input") or ""),
    )


def read_usage(data: Mapping[str, Any]) -> Usage | None:
    """The tokens an upstream reports, None where it reports none."""
    usage = data.get("usage")
    if not isinstance(usage, dict) or not usage:
        return None
    return Usage(
        prompt=count(usage.get("prompt_tokens")),
        completion=count(usage.get("completion_tokens")),
        cached=_detail(usage, "prompt_tokens_details", "cached_tokens"),
        reasoning=_detail(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return count(details.get(name)) if isinstance(details, dict) else 0


def count(value: Any) -> int:
    """A number of tokens or seconds; 0 for what is none."""
    return value if type(value) is int and value > 0 else 0
