"""Answers as bytes: everything that comes over a connection, read strictly."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tests.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names in lower case. `whole` is False when it broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True


def exchange(gateway: Gateway, data: bytes) -> bytes:
    """What the server says to `data` until it closes the connection, or resets it."""
    with gateway.raw() as sock:
        with suppress(
            ConnectionError
        ):  # what it said before it closed is there to be read
            sock.sendall(data)
        return read_to_end(sock)


def read_to_end(sock: socket.socket) -> bytes:
    """What comes until the end of the connection, in whichever way it ends."""
    received = bytearray()
    with suppress(ConnectionError):
        while data := sock.recv(65_536):
            received += data
    return bytes(received)


def answers_in(data: bytes) -> list[Answer]:
    """The answers in `data`, interim ones included; ValueError for bytes that are none."""
    answers = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        if not blank or not version.startswith("HTTP/1."):
            raise ValueError(f"no answer: {head[:200]!r}")
        pairs = [line.partition(":") for line in lines[1:]]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body, data, whole = _split_body(int(status), headers, data)
        answers.append(Answer(int(status), headers, body, whole))
    return answers


def _split_body(
    status: int, headers: Mapping[str, str], data: bytes
) -> tuple[bytes, bytes, bool]:
    """The body, what comes after it, and whether it was whole."""
    if status < 200 or status in (204, 304):
        return b"", data, True
    if headers.get("transfer-encoding") == "chunked":
        return _split_chunks(data)
    if "content-length" not in headers:
        return data, b"", True
    length = int(headers["content-length"])
    return data[:length], data[length:], len(data) >= length


def _split_chunks(data: bytes) -> tuple[bytes, bytes, bool]:
    body = bytearray()
    while True:
        line, end, rest = data.partition(b"\r\n")
        if not end:
            return bytes(body), b"", False
        size = int(line, 16)
        chunk, close = rest[:size], rest[size : size + 2]
        body += chunk
        if close != b"\r\n":
            return bytes(body), b"", False
        data = rest[size + 2 :]
        if size == 0:
            return bytes(body), data, True
