"""What llhttp lets pass in a request's head and we do not: doubtful framing, versions, hosts.

Two readers of one connection must never see different requests (RFC 9112, sections 3.2, 6.3
and 11.2), so whatever could be read in two ways is refused. httptools 0.9, llhttp 9.
"""

import re
from collections.abc import Sequence

ByteHeaders = Sequence[tuple[bytes, bytes]]
Fault = tuple[int, str]

_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")


def fault_of(version: str, headers: ByteHeaders) -> Fault | None:
    """The status and message that refuse a head, None for a good one; names in lower case."""
    if version not in ("1.0", "1.1"):
        return 505, "the HTTP version is not supported; accepted: 1.0 and 1.1"
    codings = _values(headers, b"transfer-encoding")
    lengths = _values(headers, b"content-length")
    hosts = _values(headers, b"host")
    expected = _values(headers, b"expect")
    return (
        _fault_of_framing(version, codings, lengths)
        or _fault_of_host(version, hosts)
        or _fault_of_expectation(expected)
    )


def framing_of(headers: ByteHeaders) -> bytes:
    """A head with the same body as one without fault, and nothing else; b"" for no body."""
    if _values(headers, b"transfer-encoding"):
        return b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    length = int((_values(headers, b"content-length") or [b"0"])[0])
    if not length:
        return b""
    return (
        b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % length
    )


def _values(headers: ByteHeaders, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _fault_of_framing(
    version: str, codings: list[bytes], lengths: list[bytes]
) -> Fault | None:
    if codings and (version == "1.0" or lengths):
        return 400, "transfer-encoding is not accepted here"
    if codings and [coding.lower() for coding in codings] != [b"chunked"]:
        return 501, "the transfer-encoding is not supported; accepted: chunked"
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        return 400, "the content-length is no single number"
    return None


def _fault_of_host(version: str, hosts: list[bytes]) -> Fault | None:
    if len(hosts) > 1 or (version == "1.1" and not hosts):
        return 400, f"one host header is needed, not {len(hosts)}"
    if not all(map(_HOST.fullmatch, hosts)):
        return 400, "the host header is no host name"
    return None


def _fault_of_expectation(expected: list[bytes]) -> Fault | None:
    if all(value.lower() == b"100-continue" for value in expected):
        return None
    return 417, "the expectation is not supported; accepted: 100-continue"
