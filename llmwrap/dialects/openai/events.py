"""What the JSON of an answer says, as events: the same keys occur whole and in pieces.

Both `reasoning_content` (llama.cpp, older vLLM) and `reasoning` (Ollama, vLLM from 0.16) occur.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmwrap.canonical.events import (
    Event,
    Finished,
    LogprobsReported,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from llmwrap.dialects.openai.logprobs import read_logprobs


def choice_index(choice: Mapping[str, Any]) -> int:
    """The choice's number; 0 where an upstream leaves it out."""
    index = choice.get("index")
    return index if type(index) is int else 0


class CallNumbers:
    """Numbers the tool calls of one stream, each choice's from 0 in the order they begin.

    Some servers give every call the index 0, or none: a new id with a name begins a call then,
    and a piece without an id goes on with the last.
    """

    def __init__(self) -> None:
        self._ids: dict[int, list[str]] = {}
        self._numbers: dict[tuple[int, int], int] = {}

    def number(self, choice: int, told: Any, call: ToolCallDelta) -> int:
        """The number of the call that `call` is a piece of; `told` is its index on the wire."""
        ids = self._ids.setdefault(choice, [])
        if type(told) is not int:
            if call.id:
                known = call.id in ids
                return ids.index(call.id) if known else self._begin(ids, call)
            return len(ids) - 1 if ids else self._begin(ids, call)
        number = self._numbers.get((choice, told))
        other = call.id and call.name and number is not None and ids[number]
        if number is None or (other and other != call.id):
            number = self._begin(ids, call)
            self._numbers[choice, told] = number
        return number

    def _begin(self, ids: list[str], call: ToolCallDelta) -> int:
        ids.append(call.id)
        return len(ids) - 1


def add_choice(
    index: int,
    choice: dict[str, Any],
    events: list[Event],
    numbers: CallNumbers | None = None,
) -> bool:
    """Append the events of choice `index`; `numbers` are those of its stream.

    Whether it is finished with that.
    """
    said = choice.get("delta") or choice.get("message")
    if isinstance(said, dict):
        _add_said(index, said, events, numbers)
    elif text := choice.get("text"):
        events.append(TextDelta(index, str(text)))
    if logprobs := choice.get("logprobs"):
        _add_logprobs(index, logprobs, events)
    if reason := choice.get("finish_reason"):
        events.append(Finished(index, str(reason)))
        return True
    return False


def _add_logprobs(index: int, told: Any, events: list[Event]) -> None:
    if isinstance(told, dict) and (tokens := read_logprobs(told)):
        events.append(LogprobsReported(index, tokens))


def _add_said(
    index: int,
    said: dict[str, Any],
    events: list[Event],
    numbers: CallNumbers | None,
) -> None:
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
            piece = _tool_call(index, place, call)
            if numbers:
                number = numbers.number(index, call.get("index"), piece)
                piece = replace(piece, call=number)
            events.append(piece)
    if function := said.get("function_call"):
        events.append(_tool_call(index, 0, {"function": function}))


_COMMON = frozenset({"role", "content", "reasoning", "reasoning_content"})
"""The keys of nearly every chunk: nothing else has to be looked for."""


def _tool_call(index: int, place: int, call: Mapping[str, Any]) -> ToolCallDelta:
    function = call.get("function") or call.get("custom")
    if not isinstance(function, dict):
        function = {}
    return ToolCallDelta(
        index,
        place,
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
