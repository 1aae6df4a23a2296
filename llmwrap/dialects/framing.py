"""From a byte stream to its records, incrementally: server-sent events (WHATWG, 2026).

Lines end in CR, LF or CRLF and nowhere else; a record ends at an empty line; an unterminated
last record is no record. Beyond the standard, a line that begins with `{` is a record of its own:
servers write errors so (vLLM, llama.cpp). Knows nothing of JSON or of what the records mean.
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
        return self._records(self._blocks(data))

    def _feed_much(self, data: bytes) -> Iterator[SseRecord]:
        """The same where a record may be too long: those before it still come out."""
        for block in self._blocks(data):
            _check_length(len(block))
            yield from self._records([block])
        _check_length(len(self._rest) - 1)  # half of the empty line may be there

    def _blocks(self, data: bytes) -> list[bytes]:
        """The blocks between empty lines that `data` completes; what follows is kept."""
        rest = self._rest
        if not rest and data.endswith(b"\n\n"):
            return data[:-2].split(b"\n\n")  # the usual case: whole records
        size = len(rest)
        rest += data
        blocks: list[bytes] = []
        if rest.find(b"\n\n", max(0, size - 1)) >= 0:
            blocks = bytes(rest).split(b"\n\n")
            rest[:] = blocks.pop()
            size = 0
        if b"\n" in data:
            blocks += self._to_bare_line(rest.rfind(b"\n", 0, size) + 1)
        return blocks

    def _to_bare_line(self, start: int) -> list[bytes]:
        """What is kept, up to the last line that is a record; no line before `start` is one."""
        rest = self._rest
        end = rest.rfind(b"\n") + 1
        bare = rest.rfind(b"\n{", max(0, start - 1), end) + 1
        if not bare and (start or not end or not rest.startswith(b"{")):
            return []
        end = rest.find(b"\n", bare)
        block = bytes(rest[:end])
        del rest[: end + 1]
        return [block]

    def _with_lf(self, data: bytes) -> bytes:
        """Every line end as LF; a CRLF may be split between two calls."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        elif not data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _records(self, blocks: Iterable[bytes]) -> list[SseRecord]:
        records: list[SseRecord] = []
        for block in blocks:
            if not self._begun:
                self._begun = True
                block = block.removeprefix(_BOM)
            if block.startswith(b"data: ") and b"\n" not in block:
                records.append(SseRecord(block[6:]))
            else:
                records += _parse_lines(block)
        return records


def _check_length(size: int) -> None:
    if size > MAX_RECORD_BYTES:
        raise UpstreamProtocolError(
            f"the upstream sent an event of over {MAX_RECORD_BYTES} bytes"
        )


def _parse_lines(block: bytes) -> Iterator[SseRecord]:
    """The records of a block of lines: none when it has no data (a comment, an id, a retry)."""
    data: list[bytes] = []
    name = b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif line.startswith(b"{"):
            if data:
                yield SseRecord(b"\n".join(data), name)
            yield SseRecord(line)
            data, name = [], b""
    if data:
        yield SseRecord(b"\n".join(data), name)
