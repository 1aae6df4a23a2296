"""What the JSON of an answer says, as events: lines of a stream and whole answers have one form.

Chats say it in `message`, generations beside it (Ollama 0.33, 2026-08).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from llmwrap.canonical.events import (
    Event,
    Finished,
    LogprobsReported,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from llmwrap.dialects.ollama.times import unix_seconds
from llmwrap.errors import ModelLoading, UpstreamProtocolError

_NOTHING_ASKED = ("load", "unload")
"""Reasons to be done of a server that took the request for none."""


class EventReader:
    """The events of one answer's lines; it counts the tool calls over all of them."""

    def __init__(self) -> None:
        self._begun = False
        self._calls = 0
        self._ids: set[str] = set()

    def read(self, data: Mapping[str, Any]) -> list[Event]:
        """The events of one line; UpstreamProtocolError where it is no answer's."""
        said = data.get("message")
        if self._begun and type(said) is dict and _is_plain(data, said):
            return [TextDelta(0, said["content"])]  # nearly always
        if type(said) is not dict:
            if "response" not in data and not data.get("done"):
                raise UpstreamProtocolError(
                    "the upstream sent a line without an answer"
                )
            said = data
        events: list[Event] = []
        if not self._begun:
            self._begun = True
            events.append(Started(0, unix_seconds(data.get("created_at"))))
        if thought := said.get("thinking"):
            events.append(ReasoningDelta(0, str(thought)))
        if text := said.get("content" if said is not data else "response"):
            events.append(TextDelta(0, str(text)))
        if tokens := tuple(_logprobs(data.get("logprobs"))):
            events.append(LogprobsReported(0, tokens))
        if calls := said.get("tool_calls"):
            events += self._tool_calls(calls)
        if data.get("done") is True:
            events += self._end(data)
        return events

    def _end(self, data: Mapping[str, Any]) -> Iterator[Event]:
        reason = data.get("done_reason")
        if reason in _NOTHING_ASKED:
            raise ModelLoading(
                "the upstream loaded the model instead of answering", retry_after_s=2
            )
        if reason == "length":
            yield Finished(0, "length")
        else:
            yield Finished(0, "tool_calls" if self._calls else "stop")
        prompt, said = data.get("prompt_eval_count"), data.get("eval_count")
        if type(prompt) is int or type(said) is int:
            yield UsageReported(Usage(_count(prompt), _count(said)))

    def _tool_calls(self, calls: Any) -> Iterator[Event]:
        """Each whole; numbered over the whole answer, since each line may begin at 0.

        An id that another call has is none.
        """
        for call in calls if type(calls) is list else ():
            function = call.get("function") if type(call) is dict else None
            if type(function) is not dict:
                continue
            call_id = str(call.get("id") or "")
            if call_id in self._ids:
                call_id = ""
            self._ids.add(call_id)
            name = str(function.get("name") or "")
            yield ToolCallDelta(0, self._calls, call_id, name, _text_of(function))
            self._calls += 1


def _is_plain(data: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether a chat's line holds text and nothing else."""
    return (
        len(data) == 4
        and data.get("done") is False
        and "model" in data
        and "created_at" in data
        and len(said) == 2
        and "role" in said
        and type(said.get("content")) is str
        and said["content"] != ""
    )


def _text_of(function: Mapping[str, Any]) -> str:
    """The arguments as JSON text."""
    told = function.get("arguments")
    if told is None or told == "":
        return "{}"
    if type(told) is str:
        return told
    try:
        return orjson.dumps(told).decode()
    except orjson.JSONEncodeError as error:
        raise UpstreamProtocolError(
            "the upstream sent tool arguments that nest too deep"
        ) from error


def _logprobs(told: Any) -> Iterator[TokenLogprob]:
    for entry in told if type(told) is list else ():
        if token := _token(entry):
            top = entry.get("top_logprobs")
            beside = map(_token, top if type(top) is list else ())
            yield TokenLogprob(
                token.token,
                token.logprob,
                token.data,
                tuple(each for each in beside if each),
            )


def _token(entry: Any) -> TokenLogprob | None:
    if type(entry) is not dict or type(entry.get("logprob")) not in (int, float):
        return None
    data = entry.get("bytes")
    told = tuple(data) if type(data) is list else None
    return TokenLogprob(str(entry.get("token") or ""), entry["logprob"], told)


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
