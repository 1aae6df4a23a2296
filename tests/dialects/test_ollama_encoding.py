"""What an Ollama client gets of another dialect's events: lines of ASCII JSON."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmwrap.canonical.events import (
    Event,
    Finished,
    LogprobsReported,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from llmwrap.canonical.messages import Request
from llmwrap.errors import UpstreamError, UpstreamProtocolError
from tests.dialects.ollama import OLLAMA, STAMP, chat, generate, lines_of, run_stream

END = (Finished(0, "stop"), UsageReported(Usage(7, 2)))


def _encoded(request: Request, *frames: Sequence[Event]) -> list[dict[str, Any]]:
    """The lines of frames that come a second apart, the last of them at 10 s."""
    encoder = OLLAMA.encoder(request, STAMP)
    out = [encoder.encode(events, at) for at, events in enumerate(frames, 1)]
    return lines_of(b"".join(out) + encoder.close(10.0))


def _call(call: int, id: str, name: str, arguments: str) -> ToolCallDelta:
    return ToolCallDelta(0, call, id, name, arguments)


def _calls(*pieces: ToolCallDelta) -> list[dict[str, Any]]:
    """The calls of an answer, all in one line before the last."""
    *_, line, last = _encoded(chat(), *([piece] for piece in pieces), END)
    assert (line["done"], last["done"], last["done_reason"]) == (False, True, "stop")
    assert "tool_calls" not in last["message"]
    told: list[dict[str, Any]] = line["message"]["tool_calls"]
    return told


def test_content_type_is_that_of_lines() -> None:
    assert OLLAMA.encoder(chat(), STAMP).content_type == "application/x-ndjson"


def test_deltas_become_lines_and_the_end_one_that_is_done() -> None:  # C10, C12
    lines = _encoded(
        chat(model="foo"),
        [Started(0)],
        [TextDelta(0, "He")],
        [TextDelta(0, "llo")],
        [Finished(0, "stop")],
        [UsageReported(Usage(7, 2))],
    )
    assert lines == [
        {
            "model": "foo",
            "created_at": "2026-01-02T03:04:07.000000Z",
            "message": {"role": "assistant", "content": "He"},
            "done": False,
        },
        {
            "model": "foo",
            "created_at": "2026-01-02T03:04:08.000000Z",
            "message": {"role": "assistant", "content": "llo"},
            "done": False,
        },
        {
            "model": "foo",
            "created_at": "2026-01-02T03:04:15.000000Z",
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            "total_duration": 10_000_000_000,
            "load_duration": 1,
            "prompt_eval_count": 7,
            "prompt_eval_duration": 2_000_000_000,
            "eval_count": 2,
            "eval_duration": 1_000_000_000,
        },
    ]


def test_generation_has_response_instead_of_message() -> None:  # C31
    first, second, last = _encoded(
        generate(), [ReasoningDelta(0, "hm")], [TextDelta(0, "ok")], END
    )
    keys = ["model", "created_at", "response", "thinking", "done"]
    assert list(first) == keys
    assert (first["response"], first["thinking"]) == ("", "hm")
    assert (second["response"], second["done"]) == ("ok", False)
    assert (last["response"], last["done"], last["eval_count"]) == ("", True, 2)
    assert not {"message", "context"} & last.keys()


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (0.0, "2026-01-02T03:04:05.000000Z"),
        (0.25, "2026-01-02T03:04:05.250000Z"),
        (0.75, "2026-01-02T03:04:05.750000Z"),
        (60.5, "2026-01-02T03:05:05.500000Z"),
    ],
)
def test_time_of_a_line_is_when_it_was_written(at: float, told: str) -> None:
    encoder = OLLAMA.encoder(chat(), STAMP)
    encoder.encode([TextDelta(0, "a")], at - 0.125)
    (line,) = lines_of(encoder.encode([TextDelta(0, "b")], at))
    assert line["created_at"] == told


def test_model_name_is_escaped() -> None:
    (line,) = _encoded(chat(model="Qwen/Qwen3-8B"), [])
    assert line["model"] == "Qwen/Qwen3-8B"
    encoder = OLLAMA.encoder(chat().named('a"é\n'), STAMP)
    assert lines_of(encoder.encode([TextDelta(0, "x")], 1.0))[0]["model"] == 'a"é\n'


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "stop"),
        ("content_filter", "stop"),
        ("eos_token", "stop"),
        ("", "stop"),
    ],
)
def test_reason_is_one_of_two(reason: str, told: str) -> None:  # C13
    (line,) = _encoded(chat(), [Finished(0, reason)])
    assert line["done_reason"] == told


def test_answer_without_any_frame_is_an_empty_one() -> None:
    (line,) = _encoded(chat())
    assert (line["done"], line["done_reason"]) == (True, "stop")
    assert line["message"] == {"role": "assistant", "content": ""}


def test_call_in_pieces_leaves_whole() -> None:  # C14
    lines = _encoded(
        chat(),
        [_call(0, "call_x", "weather", "")],
        [_call(0, "", "", '{"ci')],
        [_call(0, "", "", 'ty":"Pa')],
        [_call(0, "", "", 'ris"}'), Finished(0, "tool_calls")],
    )
    function = {"index": 0, "name": "weather", "arguments": {"city": "Paris"}}
    assert [line["message"] for line in lines] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_x", "function": function}],
        },
        {"role": "assistant", "content": ""},
    ]


def test_interleaved_calls_keep_to_their_numbers() -> None:  # C15
    told = _calls(
        _call(1, "b", "g", '{"y"'),
        _call(0, "a", "f", '{"x"'),
        _call(1, "", "", ":2}"),
        _call(0, "", "", ":1}"),
    )
    assert [(call["id"], call["function"]) for call in told] == [
        ("a", {"index": 0, "name": "f", "arguments": {"x": 1}}),
        ("b", {"index": 1, "name": "g", "arguments": {"y": 2}}),
    ]


def test_calls_are_numbered_from_zero_without_gaps() -> None:
    told = _calls(_call(3, "a", "f", "{}"), _call(7, "b", "g", "{}"))
    assert [call["function"]["index"] for call in told] == [0, 1]


def test_id_and_name_that_are_repeated_are_said_once() -> None:
    told = _calls(_call(0, "a", "f", '{"x":'), _call(0, "a", "f", "1}"))
    assert told == [
        {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
    ]


def test_call_without_an_id_gets_one() -> None:
    told = _calls(_call(0, "", "f", "{}"), _call(1, "", "f", "{}"))
    ids = [call["id"] for call in told]
    assert len(set(ids)) == 2
    for each in ids:
        assert each.startswith("call_")
        assert len(each) == 13
        assert each[5:].isalnum()
    other = OLLAMA.encoder(chat(), type(STAMP)("fedcba9876543210", STAMP.began))
    other.encode([_call(0, "", "f", "{}")], 1.0)
    assert lines_of(other.close(2.0))[0]["message"]["tool_calls"][0]["id"] not in ids


@pytest.mark.parametrize("arguments", ["", " ", "null", "{}", '"{}"', '""'])
def test_arguments_that_say_nothing_are_an_empty_object(arguments: str) -> None:
    (call,) = _calls(_call(0, "a", "f", arguments))  # C16
    assert call["function"]["arguments"] == {}


def test_arguments_in_a_string_are_taken_out_of_it() -> None:
    (call,) = _calls(_call(0, "a", "f", '"{\\"a\\": \\"\u2028\\"}"'))
    assert call["function"]["arguments"] == {"a": "\u2028"}


@pytest.mark.parametrize("arguments", ["{", "[1]", "1", '"x"', '"[]"', "{}{}", "NaN"])
def test_arguments_that_are_no_object_end_the_stream_badly(arguments: str) -> None:
    encoder = OLLAMA.encoder(chat(), STAMP)
    encoder.encode([_call(0, "a", "f", arguments)], 1.0)
    with pytest.raises(UpstreamProtocolError) as caught:
        encoder.close(2.0)
    assert caught.value.message.startswith('invalid tool call arguments for "f": ')


def test_text_comes_before_the_calls() -> None:  # C17
    lines = _encoded(
        chat(),
        [TextDelta(0, "Let me look")],
        [_call(0, "a", "f", "{}"), Finished(0, "tool_calls")],
    )
    assert [line["message"]["content"] for line in lines] == ["Let me look", "", ""]
    assert ["tool_calls" in line["message"] for line in lines] == [False, True, False]
    assert lines[-1]["done_reason"] == "stop"


def test_thoughts_are_apart_from_the_answer() -> None:  # C18
    first, second, last = _encoded(
        chat(), [ReasoningDelta(0, "hm")], [TextDelta(0, "ok")], END
    )
    told = {"role": "assistant", "content": "", "thinking": "hm"}
    assert (first["message"], first["done"]) == (told, False)
    assert second["message"] == {"role": "assistant", "content": "ok"}
    assert "thinking" not in last["message"]


def test_text_and_thoughts_of_one_frame_share_a_line() -> None:
    line, _ = _encoded(chat(), [ReasoningDelta(0, "hm"), TextDelta(0, "ok")])
    told = {"role": "assistant", "content": "ok", "thinking": "hm"}
    assert line["message"] == told


def test_logprobs_stand_on_the_line_of_their_text() -> None:  # C34
    hi = TokenLogprob("Hi", -0.5, (72, 105), top=(TokenLogprob("Yo", -math.inf),))
    tokens = (hi, TokenLogprob("!", math.nan))
    line, last = _encoded(chat(), [TextDelta(0, "Hi!"), LogprobsReported(0, tokens)])
    assert line["message"]["content"] == "Hi!"
    assert line["logprobs"] == [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "Yo", "logprob": -9999.0}],
        },
        {"token": "!", "logprob": -9999.0},
    ]
    assert "logprobs" not in last


def test_logprobs_without_text_have_a_line_of_their_own() -> None:
    tokens = (TokenLogprob("", -0.5),)
    line, _ = _encoded(chat(), [LogprobsReported(0, tokens)])
    assert line["message"] == {"role": "assistant", "content": ""}
    assert line["logprobs"] == [{"token": "", "logprob": -0.5}]


def test_only_the_first_choice_is_told() -> None:
    lines = _encoded(
        chat(), [TextDelta(1, "b")], [TextDelta(0, "a"), ReasoningDelta(1, "x")], END
    )
    assert [line["message"]["content"] for line in lines] == ["a", ""]


def test_frames_that_say_nothing_give_no_bytes() -> None:
    encoder = OLLAMA.encoder(chat(), STAMP)
    for events in ([], [Started(0)], list(END), [_call(0, "a", "f", "{}")]):
        assert encoder.encode(events, 1.0) == b""
    assert encoder.heartbeat() == b""


def test_counts_that_nobody_told_are_left_out() -> None:
    *_, last = _encoded(chat(), [TextDelta(0, "a")], [Finished(0, "stop")])
    assert not {"prompt_eval_count", "eval_count"} & last.keys()
    assert last["prompt_eval_duration"] == 1_000_000_000


def test_tokens_never_took_no_time() -> None:  # C53
    encoder = OLLAMA.encoder(chat(), STAMP)
    encoder.encode([TextDelta(0, "a"), *END], 0.5)
    (last,) = lines_of(encoder.close(0.5))
    parts = ("load_duration", "prompt_eval_duration", "eval_duration")
    assert last["eval_duration"] == 1
    assert last["total_duration"] == sum(last[name] for name in parts)


def test_answer_continued_by_another_upstream_counts_as_one() -> None:
    encoder = OLLAMA.encoder(chat(), STAMP)
    encoder.encode([TextDelta(0, "a")], 1.0)
    encoder.resume(3)
    encoder.encode([UsageReported(Usage(10, 2))], 2.0)
    (last,) = lines_of(encoder.close(3.0))
    assert (last["prompt_eval_count"], last["eval_count"]) == (7, 5)


def test_failure_is_one_line_that_is_not_done() -> None:  # C39, C40
    encoder = OLLAMA.encoder(chat(), STAMP)
    encoder.encode([TextDelta(0, "a")], 1.0)
    assert encoder.fail(UpstreamError('bo"om\u2028')) == b'{"error":"bo\\"om\\u2028"}\n'


@pytest.mark.parametrize("text", ["\u2028", "\x85", "\x0b", "\x7f", "😀", "日本", "é"])
def test_text_is_whole_and_its_bytes_are_ascii(text: str) -> None:  # C41
    first, second, _ = _encoded(
        chat(), [TextDelta(0, text)], [ReasoningDelta(0, text)], []
    )
    assert first["message"]["content"] == second["message"]["thinking"] == text


@pytest.mark.parametrize("char", ["x", "é", "😀", "\x01", '"'])
@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta])
def test_long_delta_is_split_into_lines_of_64_kib(kind: Any, char: str) -> None:
    encoder = OLLAMA.encoder(chat(), STAMP)
    out = encoder.encode([kind(0, char * 100_000)], 1.0)
    assert all(len(line) < 65_536 for line in out.split(b"\n"))
    told = run_stream([out, encoder.close(2.0)]).answer.choices[0]
    assert told.text + told.reasoning == char * 100_000


def test_long_delta_with_more_beside_it_is_split_too() -> None:
    encoder = OLLAMA.encoder(chat(), STAMP)
    tokens = (TokenLogprob("a", -0.5),)
    events = [ReasoningDelta(0, "t" * 70_000), TextDelta(0, "x" * 70_000)]
    out = encoder.encode([*events, LogprobsReported(0, tokens)], 1.0)
    assert all(len(line) < 65_536 for line in out.split(b"\n"))
    told = run_stream([out, encoder.close(2.0)]).answer.choices[0]
    assert (told.reasoning, told.text) == ("t" * 70_000, "x" * 70_000)
    assert told.logprobs == tokens


_text = st.text(max_size=40)
_events = st.one_of(
    st.builds(TextDelta, st.just(0), _text.filter(bool)),
    st.builds(ReasoningDelta, st.just(0), _text.filter(bool)),
    st.builds(
        LogprobsReported,
        st.just(0),
        st.tuples(st.builds(TokenLogprob, _text, st.floats())),
    ),
    st.builds(Finished, st.just(0), st.sampled_from(["stop", "length"])),
    st.builds(UsageReported, st.builds(Usage, st.integers(0, 9), st.integers(0, 9))),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_events, max_size=4), max_size=6), st.booleans())
def test_whatever_is_said_leaves_as_ascii_lines_with_the_same_text(
    frames: list[list[Event]], chats: bool
) -> None:
    encoder = OLLAMA.encoder(chat() if chats else generate(), STAMP)
    out = b"".join(encoder.encode(events, 1.0) for events in frames)
    lines = lines_of(out + encoder.close(2.0))
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert not any({"error", "type"} & line.keys() for line in lines)
    for line in lines:
        figures = {name: line[name] for name in line if name.endswith("_duration")}
        assert all(type(value) is int for value in figures.values())
        total = figures.pop("total_duration", 0)
        assert sum(figures.values()) <= total
    said = [event for events in frames for event in events]
    holders = [line["message"] if chats else line for line in lines]
    name = "content" if chats else "response"
    for kind, key in ((TextDelta, name), (ReasoningDelta, "thinking")):
        whole = "".join(event.text for event in said if isinstance(event, kind))
        assert "".join(holder.get(key, "") for holder in holders) == whole
