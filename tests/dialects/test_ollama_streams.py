"""Every golden stream of Ollama means what the index says, however its bytes are cut.

Streams up to 8 KiB are cut at every offset; the longer one at every offset near its lines' ends
and at every 997th.
"""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmwrap.canonical.events import (
    Finished,
    LogprobsReported,
    Started,
    TextDelta,
    TokenLogprob,
    UsageReported,
)
from llmwrap.errors import ModelLoading, UpstreamError, UpstreamProtocolError
from tests.dialects.ollama import (
    OLLAMA,
    STAMP,
    WIRE,
    Golden,
    lines_of,
    load_golden,
    passed,
    run_stream,
)
from tests.dialects.ollama import chat as chat_request
from tests.dialects.ollama import generate as generate_request

GOLDEN = load_golden()
SMALL = [golden for golden in GOLDEN if len(golden.raw) < 4096]
EVERY_OFFSET_UP_TO = 8192
BEGAN = 1_787_307_072

each_golden = pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.file)
each_complete = pytest.mark.parametrize(
    "golden",
    [golden for golden in GOLDEN if golden.outcome == "complete"],
    ids=lambda golden: golden.file,
)


def _golden(number: str) -> Golden:
    return next(golden for golden in GOLDEN if golden.file.startswith(number))


def _offsets(raw: bytes) -> Iterator[int]:
    size = len(raw)
    if size <= EVERY_OFFSET_UP_TO:
        yield from range(1, size)
        return
    ends = [at for at in range(size) if raw[at] == 10]
    near = {at + step for at in (0, *ends) for step in range(-64, 64)}
    yield from sorted(at for at in near | set(range(997, size, 997)) if 0 < at < size)


def test_every_file_is_in_the_index() -> None:
    listed = sorted(golden.file for golden in GOLDEN)
    assert listed == sorted(path.name for path in WIRE.glob("*.ndjson"))


@each_golden
def test_stream_means_what_the_index_says(golden: Golden) -> None:
    told = run_stream([golden.raw])
    assert len(told.frames) == golden.frames
    assert told.answer.usage == golden.told_usage
    if not golden.frames:
        assert told.answer.choices == ()
        return
    (choice,) = told.answer.choices
    assert choice.text == golden.text * golden.text_times
    assert (choice.reasoning, choice.reason) == (golden.reasoning, golden.finish)
    assert [(call.id, call.name, call.arguments) for call in choice.calls] == [
        (tool["id"], tool["name"], tool["arguments"]) for tool in golden.tools
    ]


@each_golden
def test_outcome_is_that_of_the_index(golden: Golden) -> None:
    failure = run_stream([golden.raw]).failure
    if golden.outcome == "complete":
        assert failure is None
    elif golden.outcome == "protocol_error":
        assert failure
        assert failure[0] is UpstreamProtocolError
    elif golden.outcome == "loading":
        assert failure
        assert failure[0] is ModelLoading
    else:
        assert failure == (UpstreamError, 502, golden.error)


@each_golden
def test_no_cut_in_two_changes_anything(golden: Golden) -> None:
    raw, whole = golden.raw, run_stream([golden.raw])
    differing = [
        at for at in _offsets(raw) if run_stream((raw[:at], raw[at:])) != whole
    ]
    assert differing == []


@pytest.mark.parametrize("golden", SMALL, ids=lambda golden: golden.file)
def test_byte_by_byte_is_the_same(golden: Golden) -> None:
    raw = golden.raw
    pieces = (raw[at : at + 1] for at in range(len(raw)))
    assert run_stream(pieces) == run_stream([raw])


@each_complete
def test_passed_on_lines_say_the_same_in_ascii(golden: Golden) -> None:
    request = chat_request() if golden.form == "chat" else generate_request()
    out = passed(request, golden.raw)
    lines = lines_of(out)
    again, whole = run_stream([out]), run_stream([golden.raw])
    assert (again.answer, again.failure) == (whole.answer, None)
    assert {line["model"] for line in lines} == {"m"}
    assert [line["done"] for line in lines[-2:]] in ([False, True], [True])
    assert all(len(line) <= 65_536 for line in out.split(b"\n"))


def test_events_of_a_line_come_in_order() -> None:
    frames = run_stream([_golden("011").raw]).frames
    hi = TokenLogprob("Hi", -0.25, (72, 105))
    yo = TokenLogprob("Yo", -1.5, (89, 111))
    likely = TokenLogprob("Hi", -0.25, (72, 105), top=(hi, yo))
    assert list(frames[0].events) == [
        Started(0, BEGAN),
        TextDelta(0, "Hi"),
        LogprobsReported(0, (likely,)),
    ]
    assert [type(event) for event in frames[1].events] == [Finished, UsageReported]


def test_frame_before_nonsense_comes_out_of_the_same_bytes() -> None:
    reader = OLLAMA.frame_reader()
    frames = iter(reader.feed(_golden("023").raw))
    assert list(next(frames).events) == [Started(0, BEGAN), TextDelta(0, "Hi")]
    with pytest.raises(UpstreamProtocolError, match="not JSON"):
        next(frames)


def test_reader_has_ended_at_the_line_that_is_done_and_not_before() -> None:
    reader = OLLAMA.frame_reader()
    first, second, _ = _golden("030").raw.splitlines(keepends=True)
    assert len(list(reader.feed(first + second))) == 2
    assert not reader.ended
    assert len(list(reader.feed(_golden("030").raw[len(first + second) :]))) == 1
    assert reader.ended
    assert list(reader.feed(first)) == []


def test_line_error_with_a_status_code_is_that_status() -> None:
    told = run_stream([b'{"error":"slow down","status_code":429}\n'])
    assert told.failure
    assert told.failure[1:] == (429, "slow down")


def test_eight_megabytes_in_one_line_are_read_and_seventeen_are_not() -> None:
    head, tail = b'{"message":{"content":"', b'"},"done":false}'
    big = head + b"x" * 8_000_000 + tail
    pieces = [big[at : at + 65_536] for at in range(0, len(big), 65_536)]
    told = run_stream([*pieces, b"\n", b'{"done":true}\n'])
    assert told.failure is None
    assert len(told.answer.choices[0].text) == 8_000_000
    endless = run_stream([head, *[b"x" * 1_048_576] * 17])
    assert endless.failure
    assert endless.failure[0] is UpstreamProtocolError


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A golden stream with some bytes replaced, put in, taken out or doubled."""
    raw = draw(st.sampled_from([golden.raw for golden in SMALL]))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 30)))
        new = draw(st.binary(max_size=6) | st.just(raw[start:end] * 2) | st.just(b"\n"))
        raw = raw[:start] + new + raw[end:]
    return raw


@st.composite
def pieces_of(draw: st.DrawFn) -> list[bytes]:
    raw = draw(mutated())
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    return [raw[start:end] for start, end in pairwise([0, *cuts, len(raw)])]


NOT_JSON = "the upstream sent a line that is not JSON"


@settings(max_examples=60, deadline=None)
@given(pieces_of())
def test_mutated_stream_means_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    """But for one: an object at the end of a piece counts, whatever follows it in its line."""
    cut, whole = run_stream(pieces), run_stream([b"".join(pieces)])
    if whole.failure and whole.failure[2] == NOT_JSON and cut != whole:
        assert cut.frames[: len(whole.frames)] == whole.frames
    else:
        assert cut == whole


@pytest.mark.parametrize("seed", range(2))
def test_thousand_mutations_fail_with_our_own_errors_only(seed: int) -> None:
    """`run_stream` lets every other exception through; what is passed on stays ASCII lines."""
    source = random.Random(seed)
    for _ in range(1000):
        raw = bytearray(source.choice(SMALL).raw)
        for _ in range(source.randint(1, 8)):
            at = source.randrange(len(raw) + 1)
            raw[at : at + source.randrange(4)] = source.randbytes(source.randrange(4))
        told = run_stream([bytes(raw)])
        encoder = OLLAMA.encoder(chat_request(), STAMP)
        for frame in told.frames:
            lines_of(encoder.pass_on(frame))
