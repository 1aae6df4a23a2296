"""From a byte stream to its lines: a line ends at LF and nowhere else. Knows nothing of JSON."""

from llmwrap.errors import UpstreamProtocolError

MAX_LINE_BYTES = 16_777_216
"""A longer line is an error. Ollama's own client (0.33) takes up to 8,000,000 bytes."""


class LineReader:
    """Cuts one stream into lines; one per stream, not shared.

    `rest` is what has come of a line that is not at its end.
    """

    def __init__(self) -> None:
        self.rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends; UpstreamProtocolError."""
        rest = self.rest
        if not rest and data.endswith(b"\n"):
            return data[:-1].split(b"\n")  # the usual case: whole lines
        found = data.find(b"\n")
        rest += data
        if found < 0:
            _check_length(len(rest))
            return []
        lines = bytes(rest).split(b"\n")
        rest[:] = lines.pop()
        return lines


def _check_length(size: int) -> None:
    if size > MAX_LINE_BYTES:
        raise UpstreamProtocolError(
            f"the upstream sent a line of over {MAX_LINE_BYTES} bytes"
        )
