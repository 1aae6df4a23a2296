"""A whole answer, as the fold of its events: what a stream says and what a plain answer says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
from llmwrap.canonical.tasks import ToolCall


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of the model; `reason` as in OpenAI's `finish_reason`, "" while unfinished."""

    index: int
    text: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """All choices in the order of their index, and the tokens where they were told.

    `created` is when the upstream began, in Unix seconds, 0 where it does not say.
    """

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int = 0


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector for each text, in order; `prompt` is the tokens of all, None where not told."""

    rows: Sequence[Sequence[float]]
    prompt: int | None = None


@dataclass(frozen=True, slots=True)
class Took:
    """Where the seconds of an answer went; each part counts from the end of the one before.

    `accepted` is until the upstream took the request, `first` until the first of the answer,
    `rest` until its last.
    """

    accepted: float = 0.0
    first: float = 0.0
    rest: float = 0.0

    @property
    def total(self) -> float:
        return self.accepted + self.first + self.rest


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an answer is known by: a unique id without a prefix, and when it was asked for.

    `began` is Unix seconds. Dialects make their ids and times of these, and read no clock.
    """

    id: str
    began: float


@dataclass(slots=True)
class _Draft:
    """A choice in the making."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, ToolCall] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    reason: str = ""

    def finished(self, index: int) -> Choice:
        return Choice(
            index,
            "".join(self.text),
            "".join(self.reasoning),
            tuple(call for _, call in sorted(self.calls.items())),
            tuple(self.logprobs),
            self.reason,
        )


def fold(events: Iterable[Event]) -> WholeAnswer:
    """The answer that `events` tell, in whatever pieces they tell it."""
    drafts: dict[int, _Draft] = {}
    usage: Usage | None = None
    created = 0
    for event in events:
        if isinstance(event, UsageReported):
            usage = event.usage
            continue
        if isinstance(event, Started):
            created = created or event.created
        _add(drafts.setdefault(event.index, _Draft()), event)
    choices = tuple(draft.finished(index) for index, draft in sorted(drafts.items()))
    return WholeAnswer(choices, usage, created)


def _add(draft: _Draft, event: Event) -> None:
    match event:
        case TextDelta(text=text):
            draft.text.append(text)
        case ReasoningDelta(text=text):
            draft.reasoning.append(text)
        case ToolCallDelta():
            draft.calls[event.call] = joined(draft.calls.get(event.call), event)
        case LogprobsReported(tokens=tokens):
            draft.logprobs.extend(tokens)
        case Finished(reason=reason):
            draft.reason = reason
        case Started() | UsageReported():
            pass


def joined(call: ToolCall | None, piece: ToolCallDelta) -> ToolCall:
    """`call` with one more `piece` of it; a name or id that is repeated is no new piece."""
    if call is None:
        return ToolCall(piece.id, piece.name, piece.arguments)
    name = call.name if piece.name in ("", call.name) else call.name + piece.name
    return ToolCall(call.id or piece.id, name, call.arguments + piece.arguments)
