"""The event-stream rules of the WHATWG HTML standard (9.2.6), for a whole stream.

An oracle for tests, slow and plain on purpose; not the parser of the gateway.
"""

import re

BOM = b"\xef\xbb\xbf"
LINE_ENDS = re.compile(rb"\r\n|\n|\r")


def whatwg_payloads(stream: bytes) -> list[bytes]:
    """The data of every event that is dispatched, before UTF-8 decoding.

    Events without a `data` line are not dispatched, nor is a last one without its blank
    line.
    """
    *lines, _unterminated = LINE_ENDS.split(stream.removeprefix(BOM))
    payloads: list[bytes] = []
    data: list[bytes] = []
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        if line == b"" and data:
            payloads.append(b"\n".join(data))
            data = []
    return payloads
