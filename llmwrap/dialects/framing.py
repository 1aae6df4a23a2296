"""From a byte stream to its records, incrementally: server-sent events (WHATWG, 2026).

Lines end in CR, LF or CRLF and nowhere else; a record ends at an empty line; an unterminated
last record is no record. Knows nothing of JSON or of what the records mean.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from llmwrap.errors import UpstreamProtocolError

MAX_RECORD_BYTES = 1_048_576
"""A record longer than this is an error: memory stays bounded whatever an upstream sends."""

_BOM = b"\xef\xbb\xbf"


class SseRecord(NamedTuple):
    """One event: its data lines joined by LF, and its name ("" when the stream gave none)."""

    data: bytes
    name: bytes = b""


class SseReader:
    """Cuts one stream into records; one per stream, not shared."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = False
        self._begun = False

    @property
    def clean(self) -> bool:
        """Whether the next byte begins a line of a new record."""
        return not self._rest and not self._after_cr

    def feed(self, data: bytes) -> Iterable[SseRecord]:
        """The records that `data` completes; UpstreamProtocolError when one grows too long."""
        if self._after_cr or b"\r" in data:
            data = self._with_lf(data)
        if len(self._rest) + len(data) > MAX_RECORD_BYTES:
            return self._feed_much(data)
        blocks = self._blocks(data)
        return [record for block in blocks if (record := self._record(block))]

    def _feed_much(self, data: bytes) -> Iterator[SseRecord]:
        """The same where a record may be too long: those before it still come out."""
        for block in self._blocks(data):
            _check_length(len(block))
            if record := self._record(block):
                yield record
        _check_length(len(self._rest) - 1)  # half of the empty line may be there

    def _blocks(self, data: bytes) -> list[bytes]:
        """The blocks between empty lines that `data` completes; what follows is kept."""
        rest = self._rest
        if not rest and data.endswith(b"\n\n"):
            return data[:-2].split(b"\n\n")  # the usual case: whole records
        start = max(0, len(rest) - 1)
        rest += data
        if rest.find(b"\n\n", start) < 0:
            return []
        blocks = bytes(rest).split(b"\n\n")
        rest[:] = blocks.pop()
        return blocks

    def _with_lf(self, data: bytes) -> bytes:
        """Every line end as LF; a CRLF may be split between two calls."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        elif not data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _record(self, block: bytes) -> SseRecord | None:
        if not self._begun:
            self._begun = True
            block = block.removeprefix(_BOM)
        if block.startswith(b"data: ") and b"\n" not in block:
            return SseRecord(block[6:])
        return _parse_lines(block)


def _check_length(size: int) -> None:
    if size > MAX_RECORD_BYTES:
        raise UpstreamProtocolError(
            f"the upstream sent an event of over {MAX_RECORD_BYTES} bytes"
        )


def _parse_lines(block: bytes) -> SseRecord | None:
    """The record of a block of lines, None when it has no data (a comment, an id, a retry)."""
    data: list[bytes] = []
    name = b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return SseRecord(b"\n".join(data), name) if data else None
