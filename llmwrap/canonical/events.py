"""The steps of an answer, as every dialect tells them. Plain values, no bytes, no JSON."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; `cached` are part of `prompt`, `reasoning` part of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    def shifted(self, tokens: int) -> "Usage":
        """The same with `tokens` of the prompt counted as said: a continued answer's prefix."""
        if not tokens:
            return self
        moved = min(tokens, self.prompt)
        return replace(
            self, prompt=self.prompt - moved, completion=self.completion + moved
        )

    @property
    def total(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Started:
    """The upstream began choice `index`; `created` is when, in Unix seconds, 0 where not told."""

    index: int
    created: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of choice `index`."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks, apart from its answer."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of tool call `call` of choice `index`; `id` and `name` come with its first piece.

    Each call of a choice has a number of its own, whatever its server called it.
    """

    index: int
    call: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token and its natural log probability; `data` are its bytes where they were told.

    `top` are the likeliest tokens in its place, without a `top` of their own.
    """

    token: str
    logprob: float
    data: tuple[int, ...] | None = None
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class LogprobsReported:
    """Log probabilities of the text of choice `index` that came with the same frame."""

    index: int
    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """Choice `index` is complete; `reason` as in OpenAI's `finish_reason`."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The upstream's own count; the last one counts."""

    usage: Usage


Event = (
    Started
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | LogprobsReported
    | Finished
    | UsageReported
)

CONTENT = (TextDelta, ReasoningDelta, ToolCallDelta)
"""Events that carry something of an answer."""
