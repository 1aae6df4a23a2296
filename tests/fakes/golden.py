"""The golden streams of `tests/wire`: engines' bytes and what they mean."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

WIRE = Path(__file__).resolve().parent.parent / "wire"

Outcome = Literal["complete", "upstream_error", "protocol_error"]


@dataclass(frozen=True, slots=True)
class GoldenToolCall:
    """A tool call put together; `id` is empty where the upstream gave none."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class GoldenChoice:
    """One choice put together, up to the end of the stream or its first error."""

    index: int
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[GoldenToolCall, ...] = ()
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Golden:
    """One stream: where it is from, and the result that is right.

    `data` are the payloads of the events before `[DONE]` (None where only their number
    `data_count` is stated); `done` says whether `[DONE]` came. These two are about
    framing alone; the rest follows `tests/wire/README.md`. `error_code` and
    `error_message` are the upstream's words; a protocol error has neither.
    """

    file: str
    origin: str
    shows: str
    operation: Literal["chat", "text_completion"]
    outcome: Outcome
    done: bool
    data_count: int
    data: tuple[str, ...] | None
    choices: tuple[GoldenChoice, ...]
    usage: dict[str, int] | None
    error_code: str | None
    error_message: str | None

    @property
    def path(self) -> Path:
        """The file of the stream."""
        return WIRE / self.file

    @property
    def raw(self) -> bytes:
        """The stream as it came over the wire, without HTTP framing."""
        return self.path.read_bytes()


def load_golden() -> list[Golden]:
    """Every stream of the index, in its order."""
    index = tomllib.loads((WIRE / "index.toml").read_text(encoding="utf-8"))
    return [_read_golden(entry) for entry in index["stream"]]


def _read_golden(entry: dict[str, Any]) -> Golden:
    data = tuple(entry["data"]) if "data" in entry else None
    error = entry.get("error", {})
    return Golden(
        file=entry["file"],
        origin=entry["origin"],
        shows=entry["shows"],
        operation=entry.get("operation", "chat"),
        outcome=entry["outcome"],
        done=entry["done"],
        data_count=entry["data_count"] if data is None else len(data),
        data=data,
        choices=tuple(_read_choice(choice) for choice in entry.get("choices", [])),
        usage=entry.get("usage"),
        error_code=error.get("code"),
        error_message=error.get("message"),
    )


def _read_choice(entry: dict[str, Any]) -> GoldenChoice:
    return GoldenChoice(
        index=entry["index"],
        text=entry.get("text", "") * entry.get("text_times", 1),
        reasoning=entry.get("reasoning", ""),
        tool_calls=tuple(GoldenToolCall(**call) for call in entry.get("tools", [])),
        finish_reason=entry.get("finish"),
    )
