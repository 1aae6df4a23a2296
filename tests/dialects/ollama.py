"""Requests, answers and golden streams of the Ollama dialect, with the service's usual settings."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest

from llmwrap.canonical.answers import Stamp, WholeAnswer, fold
from llmwrap.canonical.events import Usage
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Call, Frame, LikeFrame
from llmwrap.dialects.ollama import Ollama
from llmwrap.errors import GatewayError, InvalidRequest
from llmwrap.settings.values import OLLAMA_SERVICE, Media, ServiceSettings

WIRE = Path(__file__).resolve().parent.parent / "wire-ollama"

OLLAMA = Ollama()
STAMP = Stamp("0123456789abcdef", 1_767_323_045.0)
"""Asked for at 2026-01-02T03:04:05Z."""

HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

RULES = {rule.form: rule for rule in OLLAMA.routes}


def read(form: str, body: Any, service: ServiceSettings = OLLAMA_SERVICE) -> Request:
    """`body`: the bytes, or what they are to say."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OLLAMA.read_request(RULES[form], data, service, Media())


def refusal(form: str, body: Any, status: int = 400) -> str:
    """The text of the refusal that `body` gets; the caller's fault."""
    with pytest.raises(InvalidRequest) as caught:
        read(form, body)
    assert (caught.value.status, caught.value.fault) == (status, "caller")
    return caught.value.message


def chat(**fields: Any) -> Request:
    """A chat with one message and these fields."""
    return read("chat", HI | fields)


def generate(**fields: Any) -> Request:
    return read("generate", {"model": "m", "prompt": "hi"} | fields)


def sent(call: Call) -> dict[str, Any]:
    """The body of a call to an upstream."""
    told: dict[str, Any] = orjson.loads(call.body)
    return told


def lines_of(data: bytes) -> list[dict[str, Any]]:
    """The lines of a stream, each one object of ASCII with one LF after it."""
    assert data.isascii()
    *lines, rest = data.split(b"\n")
    assert rest == b""
    assert all(lines)
    told = [orjson.loads(line) for line in lines]
    assert all(type(each) is dict for each in told)
    return told


@dataclass(frozen=True, slots=True)
class Golden:
    """One stream and the result that is right; see `tests/wire-ollama/README.md`."""

    file: str
    shows: str
    outcome: Literal["complete", "upstream_error", "protocol_error", "loading"]
    frames: int
    form: str = "chat"
    text: str = ""
    text_times: int = 1
    reasoning: str = ""
    finish: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    usage: tuple[int, ...] = ()
    error: str = ""

    @property
    def raw(self) -> bytes:
        return (WIRE / self.file).read_bytes()

    @property
    def told_usage(self) -> Usage | None:
        return Usage(*self.usage) if self.usage else None


def load_golden() -> list[Golden]:
    """Every stream of the index, in its order."""
    index = tomllib.loads((WIRE / "index.toml").read_text("utf-8"))
    return [
        replace(each, tools=tuple(each.tools), usage=tuple(each.usage))
        for each in (Golden(**entry) for entry in index["stream"])
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a stream: its frames, what they say, the failure."""

    frames: tuple[Frame, ...]
    answer: WholeAnswer
    failure: tuple[type[GatewayError], int, str] | None


def run_stream(pieces: Iterable[bytes]) -> Told:
    """Feed `pieces` as the relay does: until the answer has ended or failed."""
    reader = OLLAMA.frame_reader()
    frames: list[Frame] = []
    failure = None
    try:
        for piece in pieces:
            frames.extend(map(_kept, reader.feed(piece)))
            if reader.ended:
                break
        else:
            reader.end()
    except GatewayError as error:
        failure = (type(error), error.status, error.message)
    events = [event for frame in frames for event in frame.events]
    return Told(tuple(frames), fold(events), failure)


def _kept(frame: Frame | LikeFrame) -> Frame:
    """The frame before anybody changes it, as if it had been parsed."""
    if isinstance(frame, LikeFrame):
        return Frame(frame.raw, orjson.loads(frame.raw), frame.events)
    return Frame(frame.raw, dict(frame.data), tuple(frame.events))


def passed(request: Request, raw: bytes) -> bytes:
    """What a client gets of an Ollama upstream's stream."""
    reader, encoder = OLLAMA.frame_reader(), OLLAMA.encoder(request, STAMP)
    out = b"".join(encoder.pass_on(frame) for frame in reader.feed(raw))
    return out + encoder.close(1.0)
