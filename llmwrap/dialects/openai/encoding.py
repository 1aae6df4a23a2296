"""A stream for a client of this dialect, made of events: chunks, usage, the terminator.

The fields of one stream's chunks differ in the choice and in what it says, so all around them is
made once: a piece of text costs the writing of one JSON string.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from llmwrap.canonical.answers import Stamp
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
from llmwrap.canonical.ids import call_id
from llmwrap.canonical.messages import Request
from llmwrap.dialects.openai.answers import (
    ID_PREFIX,
    calls_end_as,
    reason_of_calls,
    render_usage,
)
from llmwrap.dialects.openai.logprobs import render_logprobs, render_older_logprobs
from llmwrap.dialects.openai.said import render_reasoning

DONE = b"data: [DONE]\n\n"
OBJECTS = {"chat": "chat.completion.chunk", "text_completion": "text_completion"}


class ChunkWriter:
    """Writes one stream; `said_before` is what another upstream had said of it, in tokens."""

    def __init__(self, request: Request, stamp: Stamp) -> None:
        self._id = stamp.id
        self._chat = request.operation == "chat"
        self._calls_end = calls_end_as(request)
        self._usage_asked = request.usage_asked
        self._known = {
            "id": ID_PREFIX[request.operation] + stamp.id,
            "object": OBJECTS[request.operation],
            "created": int(stamp.began),
            "model": request.model,
        }
        self._identity = self._identified()
        self._before_text: dict[int, bytes] = {}
        self._after_text = b"}" if self._chat else b',"logprobs":null'
        self._after_text += b',"finish_reason":null}]}\n\n'
        self._calls: dict[int, dict[int, str]] = {}
        self._characters: dict[int, int] = {}
        self._usage: Usage | None = None
        self.said_before = 0

    def _identified(self) -> bytes:
        return b"data: " + orjson.dumps(self._known)[:-1]

    def encode(self, events: Sequence[Event]) -> bytes:
        """The chunks that say what `events` say."""
        logprobs = {
            event.index: event.tokens
            for event in events
            if type(event) is LogprobsReported
        }
        out = [self._chunk_of(event, logprobs) for event in events]
        out += [self._text(index, "", tokens) for index, tokens in logprobs.items()]
        return b"".join(out)

    def text(self, index: int, text: str) -> bytes:
        """The chunk with more text of a choice."""
        before = self._before_text.get(index)
        if before is None:
            return self.encode((TextDelta(index, text),))
        return before + orjson.dumps(text) + self._after_text

    def close(self) -> bytes:
        """The usage where it was asked for and something was written, and the terminator."""
        if not self._usage_asked or not (self._before_text or self._usage):
            return DONE
        usage = (self._usage or Usage()).shifted(self.said_before)
        told = orjson.dumps(render_usage(usage))
        return self._identity + b',"choices":[],"usage":' + told + b"}\n\n" + DONE

    def _chunk_of(
        self, event: Event, logprobs: dict[int, tuple[TokenLogprob, ...]]
    ) -> bytes:
        if isinstance(event, UsageReported):
            self._usage = event.usage
            return b""
        if isinstance(event, Started) and event.created and not self._before_text:
            self._known["created"] = event.created  # the upstream's, on every chunk
            self._identity = self._identified()
        begun = self._begun(event.index)
        match event:
            case TextDelta(index=index, text=text):
                return begun + self._text(index, text, logprobs.pop(index, ()))
            case ReasoningDelta(index=index, text=text) if self._chat:
                return begun + self._delta(index, render_reasoning(text))
            case ToolCallDelta() if self._chat:
                return begun + self._call(event)
            case Finished(index=index, reason=reason):
                rest = self._text(index, "", logprobs.pop(index, ()))
                return begun + rest + self._finish(index, reason)
        return begun

    def _begun(self, index: int) -> bytes:
        """The chunk that begins a choice, the first time."""
        if index in self._before_text:
            return b""
        opening = b',"choices":[{"index":%d,' % index
        says = b'"delta":{"content":' if self._chat else b'"text":'
        self._before_text[index] = self._identity + opening + says
        if not self._chat:
            return b""
        return self._delta(index, {"role": "assistant", "content": ""})

    def _text(self, index: int, text: str, tokens: Sequence[TokenLogprob]) -> bytes:
        if not text and not tokens:
            return b""
        if not tokens:
            return self._before_text[index] + orjson.dumps(text) + self._after_text
        if self._chat:
            told = {"delta": {"content": text}, "logprobs": render_logprobs(tokens)}
            return self._choice(index, told)
        before = self._characters.get(index, 0)
        self._characters[index] = before + sum(len(each.token) for each in tokens)
        older = render_older_logprobs(tokens, before)
        return self._choice(index, {"text": text, "logprobs": older})

    def _call(self, piece: ToolCallDelta) -> bytes:
        """A piece of a call: the first with id and name, numbered on over the choice."""
        names = self._calls.setdefault(piece.index, {})
        function = {"arguments": piece.arguments}
        told: dict[str, Any] = {"function": function}
        if piece.call not in names:
            names[piece.call] = piece.name
            number = len(names) - 1
            made = call_id(self._id, piece.index, number)
            told = {"id": piece.id or made, "type": "function", "function": function}
            function["name"] = piece.name
        else:
            number = list(names).index(piece.call)
            if piece.name not in ("", names[piece.call]):
                function["name"] = piece.name
        if self._calls_end == "tool_calls":
            return self._delta(piece.index, {"tool_calls": [{"index": number, **told}]})
        if number:
            return b""  # the older form has room for one
        return self._delta(piece.index, {"function_call": function})

    def _finish(self, index: int, reason: str) -> bytes:
        if self._calls.get(index):
            reason = reason_of_calls(reason, self._calls_end)
        ending: dict[str, Any] = {"delta": {}}
        if not self._chat:
            ending = {"text": "", "logprobs": None}
        return self._choice(index, ending, reason)

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._choice(index, {"delta": delta})

    def _choice(
        self, index: int, told: dict[str, Any], reason: str | None = None
    ) -> bytes:
        choice = orjson.dumps({"index": index, **told, "finish_reason": reason})
        return self._identity + b',"choices":[' + choice + b"]}\n\n"
