"""What a client asks of a model, free of any wire format: one dialect reads it, another writes it.

A field is here only when two dialects have it and one of them has to act on it. Values are
immutable and validated by whoever read them; None and "" mean that the client said nothing, so
that the upstream's own default holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Text:
    """Text of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as base64 without line breaks; `mime` such as `image/png`."""

    mime: str
    data: str


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A picture that whoever serves the model may fetch; we never do."""

    url: str


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound as base64; `format` is `wav` or `mp3`."""

    format: str
    data: str


Part = Text | Image | RemoteImage | Audio


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model made; `arguments` is the JSON text of an object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is lower case: system, user, assistant, tool, or what else was sent.

    `call_id` and `name` belong to a tool's result: the call that it answers, and its tool. Every
    call has an id, and every result the id of its call, whether the client sent them or not.
    """

    role: str
    parts: tuple[Part, ...] = ()
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """All its text, a line break between two parts."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `parameters` is its JSON schema, never changed.

    `extra` holds what else its definition says (`strict`).
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model chooses its tokens.

    `top_logprobs` is None where no log probabilities are asked for, else how many
    alternatives. `extra` are options by the names that Ollama and llama.cpp share
    (`repeat_last_n`, `mirostat`): a dialect writes those that its server knows.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    top_logprobs: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


Format = Literal["", "json"] | Mapping[str, Any]
"""What the answer must be: anything, some JSON, or JSON after this schema."""

Think = bool | Literal["low", "medium", "high", "max"] | None
"""Whether (or how hard) to think before answering; None leaves it to the model."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation to be gone on with.

    `tool_choice` is auto, none or required; `tool_wanted` the one tool that must be called.
    `n` answers are wanted. A last message of the assistant without calls is a prefix of the
    answer.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] = "auto"
    tool_wanted: str = ""
    format: Format = ""
    think: Think = None
    sampling: Sampling = field(default_factory=Sampling)
    n: int = 1

    @property
    def prefilled(self) -> bool:
        """Whether the answer is begun already."""
        last = self.messages[-1] if self.messages else None
        return last is not None and last.role == "assistant" and not last.calls


@dataclass(frozen=True, slots=True)
class TextCompletion:
    """Texts to be gone on with as they stand, each `n` times; `suffix` is what comes after."""

    prompts: tuple[str, ...]
    suffix: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    n: int = 1


@dataclass(frozen=True, slots=True)
class Embedding:
    """Texts to be made vectors of, at most `dimensions` long (0 = as the model makes them).

    `truncate` is whether a text that is too long may be cut. `normalized` is whether the client
    is promised vectors of length 1.
    """

    inputs: tuple[str, ...]
    dimensions: int = 0
    truncate: bool = True
    normalized: bool = False


Task = Chat | TextCompletion | Embedding


@dataclass(frozen=True, slots=True)
class Target:
    """What a dialect must know of an upstream to write a task for it.

    `model` is the upstream's name for the model. `engine` names the server where it differs
    from its dialect's usual one ("" = the usual). `context_length` is in tokens, 0 = unknown;
    `keep_alive` how long the server keeps the model loaded ("" = its default); `embed_batch`
    how many texts it takes at once.
    """

    model: str
    engine: str = ""
    context_length: int = 0
    keep_alive: str = ""
    embed_batch: int = 32
    fill_in_middle: str = ""
