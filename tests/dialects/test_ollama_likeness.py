"""Lines that hold only text are not parsed, and leave as if they had been."""

import orjson
import pytest

from llmwrap.canonical.events import TextDelta
from llmwrap.dialects.base import LikeFrame
from tests.dialects.ollama import (
    OLLAMA,
    STAMP,
    Golden,
    chat,
    generate,
    load_golden,
    passed,
)

COMPLETE = [golden for golden in load_golden() if golden.outcome == "complete"]
FIRST = (
    b'{"model":"up","created_at":"2026-08-21T10:11:12.1Z",'
    b'"message":{"role":"assistant","content":"a"},"done":false}\n'
)
LINE = FIRST.replace(b'"a"', b'"lo <w> "')


def by_line(model: str, *lines: bytes) -> tuple[list[object], bytes]:
    """The kinds of the frames, and what a client that asked for `model` gets."""
    reader, encoder = OLLAMA.frame_reader(), OLLAMA.encoder(chat(model=model), STAMP)
    frames = [frame for line in lines for frame in reader.feed(line)]
    kinds: list[object] = [type(frame) for frame in frames]
    return kinds, b"".join(map(encoder.pass_on, frames))


def test_line_of_text_alone_is_not_parsed() -> None:
    reader = OLLAMA.frame_reader()
    list(reader.feed(FIRST))
    (frame,) = reader.feed(LINE)
    assert isinstance(frame, LikeFrame)
    assert (frame.raw, frame.text) == (LINE[:-1], "lo <w> ")
    assert frame.events == (TextDelta(0, "lo <w> "),)


def test_its_bytes_leave_as_they_came() -> None:
    kinds, out = by_line("up", FIRST, LINE)
    assert kinds[1] is LikeFrame
    assert out == FIRST + LINE


def test_it_gets_the_name_that_was_asked_for() -> None:
    _, out = by_line("asked", FIRST, LINE)
    assert out == (FIRST + LINE).replace(b'"up"', b'"asked"')


def test_it_leaves_in_ascii() -> None:
    kinds, out = by_line("up", FIRST, LINE.replace(b"lo", "hé\u2028".encode()))
    assert kinds[1] is LikeFrame
    assert b'"content":"h\\u00e9\\u2028 <w> "' in out


def test_long_one_is_split() -> None:
    for letter in ("x", "é"):
        long = letter * 70_000
        kinds, out = by_line("asked", FIRST, LINE.replace(b"lo", long.encode()))
        assert kinds[1] is LikeFrame
        _, *lines = out.splitlines()
        assert max(map(len, lines)) <= 65_536
        told = "".join(orjson.loads(each)["message"]["content"] for each in lines)
        assert told == f"{long} <w> "


ODD = [
    LINE.replace(b"<w>", b'\\"w'),
    LINE.replace(b"<w>", b"\\n"),
    LINE.replace(b'"done":false', b'"done":false,"logprobs":[]'),
    LINE.replace(b'"content"', b'"thinking":"hm","content"'),
    LINE.replace(b'"model":"up"', b'"model":"u\\u0070"'),
    LINE.replace(b"2026-08-21T10:11:12.1Z", b"now"),
    LINE.replace(b"lo <w> ", b""),
    LINE.replace(b":", b": "),
]


@pytest.mark.parametrize("line", ODD)
def test_any_other_line_is_parsed(line: bytes) -> None:
    kinds, _ = by_line("up", FIRST, line)
    assert LikeFrame not in kinds


@pytest.mark.parametrize("golden", COMPLETE, ids=lambda golden: golden.file)
def test_stream_leaves_alike_in_lines_and_in_one_piece(golden: Golden) -> None:
    request = chat() if golden.form == "chat" else generate(raw=True)
    reader, encoder = OLLAMA.frame_reader(), OLLAMA.encoder(request, STAMP)
    out = b""
    for line in golden.raw.splitlines(keepends=True):
        out += b"".join(map(encoder.pass_on, reader.feed(line)))
    assert out + encoder.close(1.0) == passed(request, golden.raw)
