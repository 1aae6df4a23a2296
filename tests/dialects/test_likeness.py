"""Events that are like the one before them: what counts as such, and what never does."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwrap.canonical.events import TextDelta
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import LikeFrame
from llmwrap.dialects.openai.likeness import Likeness, likeness_of, text_alone
from llmwrap.dialects.openai.stream import StreamEncoder, StreamReader
from tests.dialects.streams import STAMP

PATTERN = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
)


def _chunk(text: str, **delta: object) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text} | delta, "finish_reason": None}
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "upstream",
        "choices": [choice],
    }


def _event(chunk: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _pattern() -> Likeness:
    likeness = likeness_of(PATTERN, "Hi")
    assert likeness
    return likeness


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (PATTERN.replace(b"Hi", b"there"), "there"),
        (PATTERN.replace(b"Hi", b" "), " "),
        (PATTERN.replace(b"Hi", "é €".encode()), "é €"),
        (PATTERN.replace(b"Hi", b""), None),
        (PATTERN.replace(b"Hi", b'a"b'), None),
        (PATTERN.replace(b"Hi", b"a\\nb"), None),
        (PATTERN.replace(b"Hi", b"a\nb"), None),
        (PATTERN.replace(b"Hi", b"a\n\nb"), None),
        (PATTERN.replace(b"Hi", b"a\x00b"), None),
        (PATTERN.replace(b"Hi", b"a\x7fb"), None),
        (PATTERN.replace(b"Hi", "a\u2028b".encode()), None),
        (PATTERN.replace(b"Hi", b"\xff"), None),
        (PATTERN.replace(b'"Hi"', b"null"), None),
        (PATTERN.replace(b'"m"', b'"n"'), None),
        (PATTERN.replace(b"}}]}", b'},"finish_reason":"stop"}]}'), None),
        (PATTERN[:-1], None),
        (PATTERN[1:], None),
        (PATTERN + PATTERN, None),
        (PATTERN[:30] + PATTERN[-10:], None),
        (b"", None),
    ],
)
def test_only_another_plain_text_is_alike(event: bytes, text: str | None) -> None:
    assert _pattern().text_of(event) == text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (PATTERN, "Ho"),
        (PATTERN, ""),
        (PATTERN.replace(b'"id":"c"', b'"content":"Hi"'), "Hi"),
        (PATTERN.replace(b'"content"', b'"cont\\u0065nt"'), "Hi"),
        (PATTERN.replace(b'"Hi"', b'"\\u0048i"'), "Hi"),
        (PATTERN.replace(b"Hi", b"\\n"), "\n"),
        (PATTERN.replace(b':"Hi"', b':  "Hi"'), "Hi"),
    ],
)
def test_no_pattern_is_made_where_it_is_not_certain(event: bytes, text: str) -> None:
    assert likeness_of(event, text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"usage": {"prompt_tokens": 1}},
        {"choices": []},
        {"choices": [_chunk("a")["choices"], _chunk("b")["choices"]]},
        {"choices": [{"index": 0, "delta": {"content": "a", "role": "assistant"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "delta": {"content": None}}]},
        {"choices": [{"index": 0, "text": "a"}]},
    ],
)
def test_chunk_that_says_more_than_text_is_no_pattern(
    change: dict[str, object],
) -> None:
    data = _chunk("a") | change
    if change.get("choices") and isinstance(data["choices"][0], list):  # type: ignore[index]
        data["choices"] = [each[0] for each in data["choices"]]  # type: ignore[attr-defined]
    assert text_alone(data) == ""


@given(st.lists(st.text(min_size=1), min_size=2, max_size=6), st.booleans())
def test_stream_is_the_same_as_if_each_event_were_read_alone(
    texts: list[str], spaced: bool
) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    events = [
        b"data: "
        + json.dumps(_chunk(text), ensure_ascii=False, separators=separators).encode(
            "utf-8", "replace"
        )
        + b"\n\n"
        for text in texts
    ]
    request = Request("chat", "asked", stream=True, body={})
    reader, encoder = StreamReader(), StreamEncoder(request, STAMP)
    for event in events:
        alone = [*StreamReader().feed(event)]
        frames = [*reader.feed(event)]
        said = [each for each in frames[0].events if isinstance(each, TextDelta)]
        assert said == [each for each in alone[0].events if isinstance(each, TextDelta)]
        sent = encoder.pass_on(frames[0])
        assert orjson.loads(sent[6:]) == orjson.loads(event[6:]) | {"model": "asked"}
        assert sent.startswith(b"data: {")
        assert sent.endswith(b"}\n\n")


def test_text_is_noted_as_that_of_its_choice() -> None:
    chunk = _chunk("a")
    chunk["choices"] = [{"index": 3, "delta": {"content": "a"}}]
    reader = StreamReader()
    [*reader.feed(_event(chunk))]
    chunk["choices"] = [{"index": 3, "delta": {"content": "b"}}]
    [frame] = reader.feed(_event(chunk))
    assert isinstance(frame, LikeFrame)
    assert frame.events == (TextDelta(3, "b"),)
