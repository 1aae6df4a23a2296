"""What holds between any two dialects, whichever there are: nothing that both can say is lost."""

from collections.abc import Iterator

import pytest

from llmwrap.canonical.answers import fold
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
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Dialect
from llmwrap.errors import UpstreamProtocolError
from tests.dialects.between import (
    AT,
    STAMP,
    Stream,
    as_told_by,
    events_of,
    golden_streams,
    request_of,
    told_plainly,
    translated,
)

STREAMS = golden_streams()
COMPLETE = [each for each in STREAMS if each.complete]
SHORT = [
    (each, client)
    for each in STREAMS
    if len(each.raw) <= 500
    for client in DIALECTS.values()
    if client is not each.dialect
]

each_client = pytest.mark.parametrize("client", DIALECTS.values(), ids=DIALECTS)
each_complete = pytest.mark.parametrize("stream", COMPLETE, ids=lambda each: each.name)
each_short = pytest.mark.parametrize(
    ("stream", "client"), SHORT, ids=lambda each: each.name
)

EVENTS: tuple[Event, ...] = (
    Started(0),
    TextDelta(0, "é\u2028\x85\n"),
    TextDelta(0, ""),
    ReasoningDelta(0, "hm"),
    ToolCallDelta(0, 0, "", "f", "{}"),
    LogprobsReported(0, (TokenLogprob("é", -9999.0, (195,)),)),
    UsageReported(Usage(1, 2, 3, 4)),
    Finished(0, "stop"),
)
"""One of every kind, in the order of an answer."""


@each_client
@each_complete
def test_stream_in_another_dialect_says_the_same(
    stream: Stream, client: Dialect
) -> None:
    source = fold(events_of(stream.dialect.frame_reader(), [stream.raw]))
    expected = as_told_by(client, stream.operation, source)
    sent = translated(client, stream, [stream.raw])
    if expected is None:
        with pytest.raises(UpstreamProtocolError):
            events_of(client.frame_reader(), [sent])
        return
    told = fold(events_of(client.frame_reader(), [sent]))
    assert as_told_by(client, stream.operation, told) == expected


@each_client
@each_complete
def test_plain_answer_says_what_the_stream_said(
    stream: Stream, client: Dialect
) -> None:
    source = fold(events_of(stream.dialect.frame_reader(), [stream.raw]))
    expected = as_told_by(client, stream.operation, source)
    if expected is not None and source.choices:
        told = told_plainly(client, stream.operation, source)
        assert as_told_by(client, stream.operation, told) == expected


@each_short
def test_no_cut_in_two_changes_what_a_client_gets(
    stream: Stream, client: Dialect
) -> None:
    raw, whole = stream.raw, translated(client, stream, [stream.raw])
    differing = [
        at
        for at in range(1, len(raw))
        if translated(client, stream, (raw[:at], raw[at:])) != whole
    ]
    assert differing == []


@each_client
@pytest.mark.parametrize("operation", ["chat", "text_completion"])
def test_every_event_can_be_told(client: Dialect, operation: str) -> None:
    for events in _groups():
        encoder = client.encoder(request_of(client, operation), STAMP)
        sent = b"".join(encoder.encode(group, AT) for group in events)
        sent += encoder.close(AT)
        assert fold(events_of(client.frame_reader(), [sent])).choices[0].reason


def _groups() -> Iterator[list[tuple[Event, ...]]]:
    """One by one, all in one frame, and in two frames cut anywhere."""
    yield [(event,) for event in EVENTS]
    for at in range(len(EVENTS)):
        yield [EVENTS[:at], EVENTS[at:]]


@each_client
def test_nothing_told_is_nothing_sent(client: Dialect) -> None:
    encoder = client.encoder(request_of(client, "chat"), STAMP)
    assert encoder.encode((), AT) == b""
