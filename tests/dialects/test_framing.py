"""Records out of bytes: the rules of the event-stream standard, whatever the pieces."""

import pytest

from llmwrap.dialects.framing import MAX_RECORD_BYTES, SseReader, SseRecord
from llmwrap.errors import UpstreamProtocolError


def _read(*pieces: bytes) -> list[SseRecord]:
    reader = SseReader()
    return [record for piece in pieces for record in reader.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "records"),
    [
        (b"data: x\n\n", [SseRecord(b"x")]),
        (b"data:x\n\n", [SseRecord(b"x")]),
        (b"data:  x \n\n", [SseRecord(b" x ")]),
        (b"data: a\ndata: b\n\n", [SseRecord(b"a\nb")]),
        (b"data\ndata: b\n\n", [SseRecord(b"\nb")]),
        (b"data: a: b\n\n", [SseRecord(b"a: b")]),
        (b"data: \n\n", [SseRecord(b"")]),
        (b"data:\n\n", [SseRecord(b"")]),
        (b"data\n\n", [SseRecord(b"")]),
        (b"event: e\ndata: x\n\n", [SseRecord(b"x", b"e")]),
        (b"data: x\nevent:e\n\n", [SseRecord(b"x", b"e")]),
        (b"event: e\n\ndata: x\n\n", [SseRecord(b"x")]),
        (b": comment\n\n", []),
        (b"id: 1\nretry: 2\n\n", []),
        (b" data: x\n\n", []),
        (b"Data: x\n\n", []),
        (b"\n\n\n\n", []),
        (b"data: x\n", []),
        (b"data: x", []),
        (b"\xef\xbb\xbfdata: x\n\n", [SseRecord(b"x")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", []),
        (b"data: x\n\n\xef\xbb\xbfdata: y\n\n", [SseRecord(b"x")]),
        (b"data: a\rdata: b\r\n\r\n", [SseRecord(b"a\nb")]),
        (
            b"data: \xe2\x80\xa8\x0b\x0c\x85\n\n",
            [SseRecord(b"\xe2\x80\xa8\x0b\x0c\x85")],
        ),
    ],
)
def test_stream_becomes_records(stream: bytes, records: list[SseRecord]) -> None:
    assert _read(stream) == records


BARE = SseRecord(b'{"a":1}')


@pytest.mark.parametrize(
    ("stream", "records"),
    [
        (b'{"a":1}\n', [BARE]),
        (b'{"a":1}\r\n', [BARE]),
        (b'{"a":1}\n\n', [BARE]),
        (b'\xef\xbb\xbf{"a":1}\n\n', [BARE]),
        (b'{"a":1}\n{"a":1}\n', [BARE, BARE]),
        (b'{"a":1}\ndata: x\n\n', [BARE, SseRecord(b"x")]),
        (b'data: x\n{"a":1}\n', [SseRecord(b"x"), BARE]),
        (
            b'event: e\ndata: x\n{"a":1}\ndata: y\n\n',
            [SseRecord(b"x", b"e"), BARE, SseRecord(b"y")],
        ),
        (b': ping\n\n: ping\n{"a":1}\n{"a', [BARE]),
        (b'data: x\n\n\n{"a":1}\n\n', [SseRecord(b"x"), BARE]),
        (b'{"a":1}', []),
        (b' {"a":1}\n\n', []),
    ],
)
def test_line_that_begins_an_object_is_a_record_of_its_own(
    stream: bytes, records: list[SseRecord]
) -> None:
    assert _read(stream) == records
    for at in range(len(stream)):
        assert _read(stream[:at], stream[at:]) == records
    assert _read(*(stream[at : at + 1] for at in range(len(stream)))) == records


def test_crlf_that_is_cut_ends_one_line() -> None:
    assert _read(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [SseRecord(b"a\nb")]


def test_record_is_there_with_its_last_cr() -> None:
    assert _read(b"data: a\r\n\r") == [SseRecord(b"a")]


def test_empty_piece_between_cr_and_lf_changes_nothing() -> None:
    assert _read(b"data: a\r", b"", b"\ndata: b\n\n") == [SseRecord(b"a\nb")]


FULL = b"data: " + b"x" * (MAX_RECORD_BYTES - 6)


@pytest.mark.parametrize(
    "pieces",
    [
        (FULL + b"\n\n",),
        (FULL, b"\n\n"),
        (FULL + b"\n", b"\n"),
        (FULL + b"\r", b"\n\r\n"),
    ],
)
def test_record_of_the_greatest_length_is_read(pieces: tuple[bytes, ...]) -> None:
    assert _read(*pieces) == [SseRecord(FULL[6:])]


@pytest.mark.parametrize(
    "pieces",
    [
        (FULL + b"x\n\n",),
        (FULL, b"x\n\n"),
        (FULL + b"x\n", b"\n"),
        (FULL + b"xx",),
        (b"data: a\n" + FULL,),
    ],
)
def test_record_over_the_limit_is_an_error_after_the_records_before_it(
    pieces: tuple[bytes, ...],
) -> None:
    reader = SseReader()
    records: list[SseRecord] = []
    fed = (
        record
        for piece in (b"data: before\n\n" + pieces[0], *pieces[1:])
        for record in reader.feed(piece)
    )
    with pytest.raises(UpstreamProtocolError, match="an event of over 1048576 bytes"):
        records.extend(fed)
    assert records == [SseRecord(b"before")]


def test_endless_line_is_refused_before_it_ends() -> None:
    with pytest.raises(UpstreamProtocolError):
        _read(*[b"x" * 65_536] * 17)
