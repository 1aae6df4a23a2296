"""Every dialect as client and as upstream: golden streams, plain answers, and what is between."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import orjson

from llmwrap.canonical.answers import Choice, Stamp, Took, WholeAnswer, fold
from llmwrap.canonical.events import Event, TokenLogprob, Usage
from llmwrap.canonical.messages import Request
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Dialect, Encoder, Frame, FrameReader, LikeFrame
from llmwrap.errors import GatewayError
from tests.dialects import ollama
from tests.fakes import load_golden

STAMP = Stamp("0123456789abcdef", 1_767_323_045.0)
AT = 0.5
FORMS = {("ollama", "chat"): "chat", ("ollama", "text_completion"): "generate"}


@dataclass(frozen=True, slots=True)
class Stream:
    """A golden stream of a server of `dialect`."""

    name: str
    dialect: Dialect
    operation: str
    raw: bytes
    complete: bool


def golden_streams() -> list[Stream]:
    """Those of every dialect."""
    told = [
        Stream(
            each.file,
            DIALECTS["openai"],
            each.operation,
            each.raw,
            each.outcome == "complete",
        )
        for each in load_golden()
    ]
    told += [
        Stream(
            each.file,
            DIALECTS["ollama"],
            "chat" if each.form == "chat" else "text_completion",
            each.raw,
            each.outcome == "complete",
        )
        for each in ollama.load_golden()
    ]
    return told


def request_of(client: Dialect, operation: str) -> Request:
    """A streaming request that asks for its usage."""
    return Request(
        "chat" if operation == "chat" else "text_completion",
        "asked-for",
        stream=True,
        body={},
        usage_asked=True,
        form=FORMS.get((client.name, operation), ""),
    )


def events_of(reader: FrameReader, pieces: Iterable[bytes]) -> list[Event]:
    """All events of a stream that ends well."""
    events: list[Event] = []
    for piece in pieces:
        for frame in reader.feed(piece):
            events.extend(frame.events)
        if reader.ended:
            return events
    reader.end()
    return events


def translated(client: Dialect, stream: Stream, pieces: Iterable[bytes]) -> bytes:
    """The bytes of a client, as the relay makes them of an upstream's."""
    reader = stream.dialect.frame_reader()
    encoder = client.encoder(request_of(client, stream.operation), STAMP)
    out = []
    try:
        for piece in pieces:
            frames = reader.feed(piece)
            out.extend(_written(encoder, frame) for frame in frames)
            if reader.ended:
                return b"".join([*out, encoder.close(AT)])
        reader.end()
        return b"".join([*out, encoder.close(AT)])
    except GatewayError as error:
        return b"".join([*out, encoder.fail(error)])


def _written(encoder: Encoder, frame: Frame | LikeFrame) -> bytes:
    if isinstance(frame, LikeFrame):
        return encoder.text(frame.choice, frame.text, AT)
    return encoder.encode(frame.events, AT)


def as_told_by(
    client: Dialect, operation: str, answer: WholeAnswer
) -> WholeAnswer | None:
    """What is left of an answer that a client of this dialect was told.

    Without what is made up where it is missing: ids of calls, bytes of tokens. None where the
    dialect cannot tell it: Ollama's calls have an object as arguments.
    """
    choices, usage = answer.choices, answer.usage or Usage()
    if client.name == "ollama":
        choices = choices[:1] or (Choice(0),)
        usage = Usage(usage.prompt, usage.completion)
    if operation == "text_completion" and client.name == "openai":
        choices = tuple(replace(each, reasoning="", calls=()) for each in choices)
    try:
        told = tuple(_told(client, each) for each in choices)
    except orjson.JSONDecodeError:
        return None
    return WholeAnswer(told, usage)


def _told(client: Dialect, choice: Choice) -> Choice:
    reason = choice.reason
    if client.name == "ollama":
        reason = "length" if reason == "length" else "stop"
    if choice.calls and reason in ("stop", "tool_calls"):
        reason = "tool_calls"
    calls = tuple(
        replace(call, id="", arguments=_compact(call.arguments))
        for call in choice.calls
    )
    tokens = tuple(map(_without_bytes, choice.logprobs))
    return replace(choice, reason=reason, calls=calls, logprobs=tokens)


def _without_bytes(token: TokenLogprob) -> TokenLogprob:
    return TokenLogprob(
        token.token, token.logprob, top=tuple(map(_without_bytes, token.top))
    )


def _compact(arguments: str) -> str:
    return orjson.dumps(orjson.loads(arguments or "{}")).decode()


def told_plainly(client: Dialect, operation: str, answer: WholeAnswer) -> WholeAnswer:
    """A plain answer of ours, as a client reads it."""
    request = request_of(client, operation)
    body = client.render_answer(request, STAMP, answer, Took())
    return fold(client.read_answer(body))
