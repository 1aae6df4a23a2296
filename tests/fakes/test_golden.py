"""The oracle follows the standard, and the index of golden streams fits the files."""

import pytest

from tests.fakes import Golden, load_golden, whatwg_payloads
from tests.fakes.golden import WIRE


@pytest.mark.parametrize(
    ("raw", "payloads"),
    [
        (b"", []),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\r\n", [b"a", b"b", b"c"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\ndata:\n\n", [b"", b""]),
        (b": a\n\nid: 1\nretry: 2\nevent: ping\n\n", []),
        (b"data: a\n:b\nid: 1\n\n", [b"a"]),
        (b"Data: a\n data: b\ndatas: c\n\n", []),
        (b"data: a\n\ndata: lost\n", [b"a"]),
        (b"data: a\n\ndata: lost", [b"a"]),
        (
            b"data: a\xe2\x80\xa8b\xc2\x85c\x0bd\x0ce\n\n",
            [b"a\xe2\x80\xa8b\xc2\x85c\x0bd\x0ce"],
        ),
    ],
)
def test_oracle_follows_the_standard(raw: bytes, payloads: list[bytes]) -> None:
    assert whatwg_payloads(raw) == payloads


GOLDEN = load_golden()


def test_every_stream_is_listed_once_and_there_are_fifty() -> None:
    listed = [golden.file for golden in GOLDEN]
    assert listed == sorted(path.name for path in WIRE.glob("*.sse"))
    assert len(listed) >= 50


def test_every_stream_says_where_it_is_from_and_what_it_shows() -> None:
    assert [g.file for g in GOLDEN if not (g.origin and g.shows)] == []


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.file)
def test_stream_dispatches_the_events_of_the_index(golden: Golden) -> None:
    payloads = whatwg_payloads(golden.raw)
    ends = [at for at, data in enumerate(payloads) if data.strip() == b"[DONE]"]
    before_done = payloads[: ends[0]] if ends else payloads
    assert bool(ends) == golden.done
    assert len(before_done) == golden.data_count
    if golden.data is not None:
        assert tuple(data.decode() for data in before_done) == golden.data


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.file)
def test_only_an_upstream_error_has_the_words_of_the_upstream(golden: Golden) -> None:
    says_something = golden.error_message is not None
    assert says_something == (golden.outcome == "upstream_error")
