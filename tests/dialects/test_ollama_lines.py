"""Lines end at LF, however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmwrap.dialects.ollama.lines import MAX_LINE_BYTES, LineReader
from llmwrap.errors import UpstreamProtocolError

_bytes = st.lists(
    st.sampled_from([b"\n", b"\r", b"\x0b", b"\xe2\x80\xa8", b"\xc2\x85", b"x", b"{}"]),
    max_size=60,
).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(_bytes, st.lists(st.integers(0, 120), max_size=10))
def test_lines_are_those_between_line_feeds(data: bytes, places: list[int]) -> None:
    cuts = sorted(min(place, len(data)) for place in places)
    reader = LineReader()
    lines = [
        line
        for start, end in pairwise([0, *cuts, len(data)])
        for line in reader.feed(data[start:end])
    ]
    *whole, rest = data.split(b"\n")
    assert (lines, bytes(reader.rest)) == (whole, rest)


def test_line_that_never_ends_is_an_error() -> None:
    reader = LineReader()
    half = b"x" * (MAX_LINE_BYTES // 2)
    assert reader.feed(half) == []
    assert reader.feed(half) == []
    with pytest.raises(UpstreamProtocolError):
        reader.feed(b"x")
