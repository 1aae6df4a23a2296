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
from llmwrap.dialects.openai.call_numbers import CallNumbers
from llmwrap.dialects.openai.logprobs import read_logprobs
from llmwrap.dialects.openai.said import (
    settle_arguments,
    settle_content,
    settle_reasoning,
)


def choice_index(choice: Mapping[str, Any]) -> int:
    """The choice's number; 0 where an upstream leaves it out."""
    index = choice.get("index")
    return index if type(index) is int else 0


class ChoiceReader:
    """Reads the choices of one answer; with `numbers` those of a stream, piece by piece.

    `changed` turns true where the JSON had to be put right in place, so that it has to be
    written anew for a client of this dialect.
    """

    def __init__(self, numbers: CallNumbers | None = None) -> None:
        self.changed = False
        self._numbers = numbers

    def read(self, index: int, choice: dict[str, Any], events: list[Event]) -> bool:
        """Append the events of choice `index`; whether it is finished with that."""
        said = choice.get("delta") or choice.get("message")
        if isinstance(said, dict):
            self._read_said(index, said, events)
        elif text := choice.get("text"):
            events.append(TextDelta(index, str(text)))
        if logprobs := choice.get("logprobs"):
            _add_logprobs(index, logprobs, events)
        if reason := choice.get("finish_reason"):
            events.append(Finished(index, str(reason)))
            return True
        return False

    def _read_said(self, index: int, said: dict[str, Any], events: list[Event]) -> None:
        text = said.get("content")
        if type(text) is not str and text is not None:
            settle_content(said)
            text = said["content"]
            self.changed = True
        if thought := said.get("reasoning_content") or said.get("reasoning"):
            if type(thought) is not str:
                thought = settle_reasoning(said)
                self.changed = True
            events.append(ReasoningDelta(index, thought))
        if text:
            events.append(TextDelta(index, text))
        if not said.keys() <= _COMMON:
            self._read_rest(index, said, events)

    def _read_rest(self, index: int, said: dict[str, Any], events: list[Event]) -> None:
        if refusal := said.get("refusal"):
            events.append(TextDelta(index, str(refusal)))
        if isinstance(audio := said.get("audio"), dict):
            events.append(TextDelta(index, str(audio.get("transcript") or "(audio)")))
        calls = said.get("tool_calls")
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                piece = self._tool_call(index, place, call)
                events.append(self._numbered(index, call, piece))
        if function := said.get("function_call"):
            events.append(self._tool_call(index, 0, {"function": function}))

    def _numbered(
        self, index: int, call: dict[str, Any], piece: ToolCallDelta
    ) -> ToolCallDelta:
        """`piece` with its number in the stream, which is its index for the client too."""
        if not self._numbers:
            return piece
        told = call.get("index")
        number = self._numbers.number(index, told, piece)
        if type(told) is not int or told != number:
            call["index"] = number
            self.changed = True
        return piece if piece.call == number else replace(piece, call=number)

    def _tool_call(
        self, index: int, place: int, call: Mapping[str, Any]
    ) -> ToolCallDelta:
        function = call.get("function") or call.get("custom")
        if not isinstance(function, dict):
            function = {}
        name = "arguments" if "arguments" in function else "input"
        arguments = function.get(name)
        if type(arguments) is not str:
            arguments = settle_arguments(function, name)
            self.changed |= name in function
        return ToolCallDelta(
            index,
            place,
            str(call.get("id") or ""),
            str(function.get("name") or ""),
            arguments,
        )


def _add_logprobs(index: int, told: Any, events: list[Event]) -> None:
    if isinstance(told, dict) and (tokens := read_logprobs(told)):
        events.append(LogprobsReported(index, tokens))


_COMMON = frozenset({"role", "content", "reasoning", "reasoning_content"})
"""The keys of nearly every chunk: nothing else has to be looked for."""


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


def read_counts(data: Mapping[str, Any]) -> Usage | None:
    """The same, or what llama.cpp (2026) counts in `timings` where it reports no usage."""
    timings = data.get("timings")
    if (usage := read_usage(data)) or not isinstance(timings, dict):
        return usage
    if not {"prompt_n", "predicted_n"} & timings.keys():
        return None
    cached = count(timings.get("cache_n"))
    prompt, said = count(timings.get("prompt_n")), count(timings.get("predicted_n"))
    return Usage(prompt + cached, said, cached)


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return count(details.get(name)) if isinstance(details, dict) else 0


def count(value: Any) -> int:
    """A number of tokens or seconds; 0 for what is none."""
    return value if type(value) is int and value > 0 else 0
