"""The bytes of one upstream answer on their way: streams, plain answers, errors."""

import pytest

from llmwrap.canonical.events import Usage
from llmwrap.canonical.messages import Request
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import (
    EmptyAnswer,
    UpstreamError,
    UpstreamMute,
    UpstreamProtocolError,
    UpstreamRefusal,
)
from llmwrap.exchange import Exchange
from llmwrap.relay.answers import (
    MAX_ANSWER_BYTES,
    ErrorAnswer,
    PlainAnswer,
    StreamAnswer,
)
from tests.dialects.streams import AT, STAMP, new_exchange
from tests.relay.bench import DONE, ROLE, STOP, TEXT, WHOLE, chunk

REQUEST = Request("chat", "m", stream=True, body={})


def _stream(
    exchange: Exchange | None = None, *, hold_empty: bool = False
) -> StreamAnswer:
    dialect = OpenAI()
    return StreamAnswer(
        dialect.frame_reader(),
        dialect.encoder(REQUEST, STAMP),
        exchange or new_exchange(),
        hold_empty=hold_empty,
    )


def _plain(*, refuse_empty: bool = False) -> PlainAnswer:
    return PlainAnswer(OpenAI(), REQUEST, new_exchange(), refuse_empty=refuse_empty)


def test_stream_ends_at_done() -> None:
    answer = _stream()
    assert answer.feed(ROLE + TEXT[:9], AT) == ROLE
    assert not answer.ended
    assert answer.feed(TEXT[9:] + DONE + TEXT, AT) == TEXT + DONE
    assert answer.ended
    assert answer.failure is None


def test_stream_notes_usage_and_reasons_as_they_come() -> None:
    exchange = new_exchange()
    answer = _stream(exchange)
    answer.feed(chunk({"content": "a"}, usage={"prompt_tokens": 1}), AT)
    assert exchange.usage == Usage(1)
    answer.feed(
        chunk({}, "length", usage={"prompt_tokens": 1, "completion_tokens": 2}), AT
    )
    assert exchange.usage == Usage(1, 2)
    assert exchange.finish_reasons == {0: "length"}


def test_what_was_whole_before_an_error_still_leaves() -> None:
    answer = _stream()
    assert answer.feed(ROLE + TEXT + b"data: oops\n\n" + STOP + DONE, AT) == ROLE + TEXT
    assert type(answer.failure) is UpstreamProtocolError
    assert not answer.ended


def test_stream_that_stops_short_fails_at_its_end() -> None:
    answer = _stream()
    answer.feed(TEXT, AT)
    assert answer.end(AT) == b""
    assert type(answer.failure) is UpstreamProtocolError


def test_held_frames_leave_with_the_first_content() -> None:
    answer = _stream(hold_empty=True)
    blank = chunk({"content": " "})
    assert answer.feed(ROLE, AT) == b""
    assert answer.feed(blank, AT) == b""
    assert answer.feed(TEXT + STOP, AT) == ROLE + blank + TEXT + STOP
    assert answer.feed(DONE, AT) == DONE


def test_held_frames_of_an_empty_stream_never_leave() -> None:
    answer = _stream(hold_empty=True)
    assert answer.feed(ROLE + STOP + DONE, AT) == b""
    assert type(answer.failure) is EmptyAnswer


def test_held_frames_of_a_failing_stream_never_leave() -> None:
    answer = _stream(hold_empty=True)
    assert answer.feed(ROLE + b'data: {"error":{"message":"boom"}}\n\n', AT) == b""
    assert type(answer.failure) is UpstreamError


def test_plain_answer_leaves_whole() -> None:
    answer = _plain(refuse_empty=True)
    assert [answer.feed(WHOLE[at : at + 1], AT) for at in range(len(WHOLE))] == [
        b""
    ] * len(WHOLE)
    assert answer.end(AT) == WHOLE
    assert (answer.ended, answer.failure) == (True, None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", UpstreamProtocolError),
        (WHOLE[:-1], UpstreamProtocolError),
        (b'{"error":{"message":"boom"}}', UpstreamError),
        (WHOLE.replace(b'"Hi"', b'""'), EmptyAnswer),
        (b'{"choices":[]}', EmptyAnswer),
    ],
)
def test_plain_answer_that_is_none_is_a_failure(
    body: bytes, kind: type[Exception]
) -> None:
    answer = _plain(refuse_empty=True)
    answer.feed(body, AT)
    assert answer.end(AT) == b""
    assert type(answer.failure) is kind


def test_plain_answer_over_the_bound_is_refused_before_its_end() -> None:
    answer = _plain()
    piece = b" " * (MAX_ANSWER_BYTES // 8)
    for _ in range(8):
        answer.feed(piece, AT)
    assert answer.failure is None
    answer.feed(b" ", AT)
    assert type(answer.failure) is UpstreamProtocolError
    assert answer.failure.message == "the upstream's answer is over 67108864 bytes"


def test_error_answer_is_read_to_its_end() -> None:
    answer = ErrorAnswer(OpenAI(), 400)
    assert answer.feed(b'{"error":', AT) == b""
    assert answer.failure is None
    assert answer.feed(b'{"message":"bad"}}', AT) == b""
    assert answer.end(AT) == b""
    assert type(answer.failure) is UpstreamRefusal
    assert answer.failure.message == "bad"


def test_error_answer_is_read_to_its_bound() -> None:
    answer = ErrorAnswer(OpenAI(), 500)
    answer.feed(b" " * 65_536, AT)
    assert not answer.ended
    answer.feed(b" ", AT)
    assert answer.ended
    assert type(answer.failure) is UpstreamMute


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", UpstreamMute),
        (b" \r\n", UpstreamMute),
        (b"Internal Server Error", UpstreamError),
        (b"<h1>500</h1>", UpstreamError),
        (b"{}", UpstreamError),
    ],
)
def test_only_silence_may_be_a_crash(body: bytes, kind: type[UpstreamError]) -> None:
    answer = ErrorAnswer(OpenAI(), 500)
    answer.feed(body, AT)
    answer.end(AT)
    assert type(answer.failure) is kind
