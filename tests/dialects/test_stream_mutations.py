"""Whatever an upstream sends, and however it is cut: our own errors only, and one meaning."""

import random
import re
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmwrap.dialects.framing import SseReader
from tests.dialects.streams import run_stream, stream_request
from tests.fakes import load_golden, whatwg_payloads

GOLDEN = [golden for golden in load_golden() if len(golden.raw) < 4096]
REQUEST = stream_request()

_HAS_BARE_LINE = re.compile(rb"(?:\A|[\r\n])(?:\xef\xbb\xbf)?\{")
"""A record of its own, beyond the standard."""

golden_bytes = st.sampled_from([golden.raw for golden in GOLDEN])
words = st.sampled_from(
    [b"\n", b"\r", b"data", b":", b" ", b"event", b"x", b"\xef\xbb\xbf", b"\0", b"id"]
)
line_bytes = st.lists(words, max_size=40).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A golden stream with some bytes replaced, put in, taken out or doubled."""
    raw = draw(golden_bytes)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 30)))
        new = draw(st.binary(max_size=6) | line_bytes | st.just(raw[start:end] * 2))
        raw = raw[:start] + new + raw[end:]
    return raw


@st.composite
def pieces_of(draw: st.DrawFn, stream: st.SearchStrategy[bytes]) -> list[bytes]:
    raw = draw(stream)
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    edges = [0, *cuts, len(raw)]
    return [raw[start:end] for start, end in pairwise(edges)]


@settings(max_examples=400, deadline=None)
@given(pieces_of(mutated()))
def test_mutated_stream_means_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    assert run_stream(REQUEST, pieces) == run_stream(REQUEST, [b"".join(pieces)])


@settings(max_examples=400, deadline=None)
@given(pieces_of(line_bytes | mutated()))
def test_records_are_those_of_the_standard(pieces: list[bytes]) -> None:
    reader = SseReader()
    assume(not _HAS_BARE_LINE.search(b"".join(pieces)))
    records = [record.data for piece in pieces for record in reader.feed(piece)]
    assert records == whatwg_payloads(b"".join(pieces))


@pytest.mark.parametrize("seed", range(4))
def test_thousand_mutations_fail_with_our_own_errors_only(seed: int) -> None:
    """`run_stream` lets every other exception through."""
    source = random.Random(seed)
    for _ in range(1000):
        raw = bytearray(source.choice(GOLDEN).raw)
        for _ in range(source.randint(1, 8)):
            at = source.randrange(len(raw) + 1)
            raw[at : at + source.randrange(4)] = source.randbytes(source.randrange(4))
        run_stream(REQUEST, [bytes(raw)])
