"""Writing the stream of an Ollama client: lines of ASCII JSON, the last of which is done.

What clients take was observed with ollama-python 0.6.3, ollama-js 0.6.4 and Continue (2026-08): no
blank line and no comment, nothing but ASCII, no key `error` or `type` in a good line.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from llmwrap.canonical.answers import Stamp, Took, joined
from llmwrap.canonical.events import (
    CONTENT,
    Event,
    Finished,
    LogprobsReported,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import ToolCall
from llmwrap.dialects.base import Frame, LikeFrame
from llmwrap.dialects.ollama.ascii_json import quoted, written
from llmwrap.dialects.ollama.errors import error_line
from llmwrap.dialects.ollama.said import (
    done_reason,
    metrics,
    said,
    told_calls,
    told_logprobs,
)
from llmwrap.dialects.ollama.writer import MAX_LINE_BYTES, Clock, LineWriter
from llmwrap.errors import GatewayError


class StreamEncoder:
    """Writes one client's stream: passes lines on, or makes them of events."""

    content_type = "application/x-ndjson"

    def __init__(self, request: Request, stamp: Stamp) -> None:
        self._form = request.form
        self._model = request.model
        self._answer_id = stamp.id
        self._clock = Clock(stamp.began)
        self._writer = LineWriter(request.form, request.model)
        self._like = f'{{"model":{quoted(self._model)}'.encode()
        self._passed = False
        self._said_before = 0
        self._calls: dict[int, ToolCall] = {}
        self._usage: Usage | None = None
        self._reason = ""
        self._first_at: float | None = None
        self._last_at = 0.0

    def pass_on(self, frame: Frame | LikeFrame) -> bytes:
        """The line as it came; written anew only where it must be.

        The reasons: another model name than was asked for, a character that is not ASCII or
        ends a line for some, a line too long, another upstream that goes on with the answer.
        """
        self._passed = True
        if isinstance(frame, Frame):
            return self._pass(frame.raw, frame.data)
        raw, like = frame.raw, frame.like
        if type(like) is bytes and raw.isascii() and len(raw) < _MAX_PASSED_BYTES:
            return (
                raw if like == self._like else self._like + raw[len(like) :]
            ) + b"\n"
        return self._pass(raw, orjson.loads(raw))

    def _pass(self, raw: bytes, data: dict[str, Any]) -> bytes:
        if self._said_before and data.get("done"):
            self._count_on(data)
        elif (
            data.get("model") == self._model
            and raw
            and raw.isascii()
            and b"\r" not in raw
            and len(raw) < MAX_LINE_BYTES
        ):
            return raw + b"\n"
        return self._rewritten(data)

    def _count_on(self, data: dict[str, Any]) -> None:
        """Count what another upstream said before as said, not as part of the prompt."""
        prompt, completion = data.get("prompt_eval_count"), data.get("eval_count")
        if type(prompt) is int and type(completion) is int:
            told = Usage(prompt, completion).shifted(self._said_before)
            data["prompt_eval_count"] = told.prompt
            data["eval_count"] = told.completion

    def _rewritten(self, data: dict[str, Any]) -> bytes:
        spoken = data.get("message", data)
        name = "content" if spoken is not data else "response"
        text = spoken.get(name) if type(spoken) is dict else None
        time = quoted(str(data.get("created_at") or ""))[1:-1]
        if type(text) is str and not data.get("done") and _is_plain(data, spoken):
            return self._writer.text(time, text)
        data["model"] = self._model
        line = written(data) + b"\n"
        if len(line) <= MAX_LINE_BYTES or type(text) is not str:
            return line
        before = self._writer.text(time, text) if text else b""
        if thought := spoken.pop("thinking", None):
            before = self._writer.thinking(time, str(thought)) + before
        spoken[name] = ""
        return before + written(data) + b"\n"

    def encode(self, events: Sequence[Event], at: float) -> bytes:
        """See Encoder; tool calls are kept until they are whole."""
        text = thinking = ""
        tokens: list[TokenLogprob] = []
        for event in events:
            if isinstance(event, UsageReported):
                self._usage = event.usage.shifted(self._said_before)
                continue
            if event.index != 0:
                continue
            if isinstance(event, CONTENT):
                self._spoke(at)
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, ReasoningDelta):
                thinking += event.text
            elif isinstance(event, LogprobsReported):
                tokens += event.tokens
            elif isinstance(event, ToolCallDelta):
                self._calls[event.call] = joined(self._calls.get(event.call), event)
            elif isinstance(event, Finished):
                self._reason = event.reason
        return self._said(at, text, thinking, tokens)

    def text(self, choice: int, text: str, at: float) -> bytes:
        """See Encoder."""
        if choice != 0:
            return b""
        self._spoke(at)
        return self._writer.text(self._clock.at(at), text)

    def _said(
        self, at: float, text: str, thinking: str, tokens: list[TokenLogprob]
    ) -> bytes:
        time = self._clock.at(at)
        if tokens:
            beside = {"logprobs": told_logprobs(tokens)}
            return self._writer.mixed(time, text, thinking, beside)
        if text and thinking:
            return self._writer.mixed(time, text, thinking, {})
        if thinking:
            return self._writer.thinking(time, thinking)
        return self._writer.text(time, text) if text else b""

    def _spoke(self, at: float) -> None:
        if self._first_at is None:
            self._first_at = at
        self._last_at = at

    def resume(self, tokens: int) -> None:
        """See Encoder."""
        self._said_before = tokens

    def heartbeat(self) -> bytes:
        """Nothing: there is no line that says nothing."""
        return b""

    def fail(self, error: GatewayError) -> bytes:
        """One line with the error; clients raise what it says."""
        return error_line(error) + b"\n"

    def close(self, at: float) -> bytes:
        """The tool calls, where there are any, and the line that is done.

        Nothing where that line has been passed on.
        """
        if self._passed:
            return b""
        time = self._clock.at(at)
        whole = (call for _, call in sorted(self._calls.items()))
        calls = told_calls(whole, self._answer_id)
        before = b""
        if calls:
            before = self._writer.line(time, said(self._form, calls=calls), {})
        return before + self._writer.line(time, said(self._form), self._end(at))

    def _end(self, at: float) -> dict[str, Any]:
        first = at if self._first_at is None else self._first_at
        took = Took(first=first, rest=max(0.0, self._last_at - first))
        return {
            "done": True,
            "done_reason": done_reason(self._reason),
            **metrics(self._usage, took, at),
        }


_MAX_PASSED_BYTES = MAX_LINE_BYTES // 2
"""Of a line that gets another model's name: with the longest it is still short enough."""

_PLAIN = (
    frozenset({"model", "created_at", "message", "done"}),
    frozenset({"model", "created_at", "response", "done"}),
)
_SPOKEN = frozenset({"role", "content"})


def _is_plain(data: dict[str, Any], spoken: dict[str, Any]) -> bool:
    """Whether a line holds nothing but text, as most do."""
    return data.keys() in _PLAIN and (spoken is data or spoken.keys() == _SPOKEN)
