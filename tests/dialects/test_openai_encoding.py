"""A stream for a client of the OpenAI dialect, written from events, to the byte."""

from collections.abc import Sequence
from typing import Any

import orjson

from llmwrap.canonical.answers import Stamp
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
from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.openai.encoding import ChunkWriter
from tests.fakes import whatwg_payloads

STAMP = Stamp("abc", 1700000000.9)
START = (
    b'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk",'
    b'"created":1700000000,"model":"asked","choices":['
)
DONE = b"data: [DONE]\n\n"


def writer(
    operation: Operation = "chat", *, usage_asked: bool = False, **body: Any
) -> ChunkWriter:
    request = Request(
        operation, "asked", stream=True, body=body, usage_asked=usage_asked
    )
    return ChunkWriter(request, STAMP)


def said(chunks: ChunkWriter, *frames: Sequence[Event]) -> list[dict[str, Any]]:
    """The choices of the chunks, one after another."""
    sent = b"".join(map(chunks.encode, frames))
    return [
        choice
        for payload in whatwg_payloads(sent)
        for choice in orjson.loads(payload)["choices"]
    ]


def test_chat_to_the_byte() -> None:
    chunks = writer()
    assert chunks.encode([Started(0), TextDelta(0, "Hé")]) == (
        START + b'{"index":0,"delta":{"role":"assistant","content":""},'
        b'"finish_reason":null}]}\n\n'
        + START
        + '{"index":0,"delta":{"content":"Hé"},"finish_reason":null}]}\n\n'.encode()
    )
    assert chunks.encode([TextDelta(0, 'l"lo')]) == (
        START + b'{"index":0,"delta":{"content":"l\\"lo"},"finish_reason":null}]}\n\n'
    )
    assert chunks.encode([Finished(0, "stop")]) == (
        START + b'{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    )
    assert chunks.encode([UsageReported(Usage(1, 2))]) == b""
    assert chunks.close() == DONE


def test_text_completion_to_the_byte() -> None:
    chunks = writer("text_completion")
    start = (
        b'data: {"id":"cmpl-abc","object":"text_completion","created":1700000000,'
        b'"model":"asked","choices":['
    )
    assert chunks.encode([Started(0), TextDelta(0, "a")]) == (
        start + b'{"index":0,"text":"a","logprobs":null,"finish_reason":null}]}\n\n'
    )
    assert chunks.encode([Finished(0, "length")]) == (
        start + b'{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]}\n\n'
    )
    assert chunks.close() == DONE


def test_usage_is_a_chunk_of_its_own_before_the_end_where_it_was_asked_for() -> None:
    chunks = writer(usage_asked=True)
    assert chunks.encode([UsageReported(Usage(3, 4, cached=2, reasoning=1))]) == b""
    assert chunks.close() == (
        START[:-1] + b'[],"usage":{"prompt_tokens":3,"completion_tokens":4,'
        b'"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2},'
        b'"completion_tokens_details":{"reasoning_tokens":1}}}\n\n' + DONE
    )


def test_chunks_are_all_as_old_as_the_upstream_says_first() -> None:
    chunks = writer()
    sent = chunks.encode([Started(0, 1_600_000_000), TextDelta(0, "a")])
    sent += chunks.encode([Started(1, 1_600_000_009)]) + chunks.text(0, "b")
    told = [orjson.loads(each)["created"] for each in whatwg_payloads(sent)]
    assert told == [1_600_000_000] * 4


def test_every_choice_begins_with_its_role_once() -> None:
    told = said(writer(), [TextDelta(1, "b")], [Started(0)], [TextDelta(1, "b")])
    role = {"role": "assistant", "content": ""}
    assert [(each["index"], each["delta"]) for each in told] == [
        (1, role),
        (1, {"content": "b"}),
        (0, role),
        (1, {"content": "b"}),
    ]


def test_thoughts_are_told_under_both_names() -> None:
    told = said(writer(), [Started(0)], [ReasoningDelta(0, "hm")])
    assert told[1]["delta"] == {"reasoning_content": "hm", "reasoning": "hm"}


def test_calls_are_numbered_on_with_id_and_name_once() -> None:
    chunks = writer()
    told = said(
        chunks,
        [Started(0)],
        [ToolCallDelta(0, 3, "id3", "f", "")],
        [ToolCallDelta(0, 3, "id3", "f", '{"a"')],
        [ToolCallDelta(0, 7, "", "g", "{}"), ToolCallDelta(0, 3, "", "", ":1}")],
        [Finished(0, "stop")],
    )
    calls = [each["delta"]["tool_calls"][0] for each in told[1:-1]]
    made = calls[2].pop("id")
    assert calls == [
        {
            "index": 0,
            "id": "id3",
            "type": "function",
            "function": {"arguments": "", "name": "f"},
        },
        {"index": 0, "function": {"arguments": '{"a"'}},
        {
            "index": 1,
            "type": "function",
            "function": {"arguments": "{}", "name": "g"},
        },
        {"index": 0, "function": {"arguments": ":1}"}},
    ]
    assert len(made) == 9
    assert told[-1]["finish_reason"] == "tool_calls"


def test_answer_that_calls_and_is_cut_says_that_it_is_cut() -> None:
    frames = [ToolCallDelta(0, 0, "a", "f", "{")], [Finished(0, "length")]
    assert said(writer(), *frames)[-1]["finish_reason"] == "length"


def test_client_of_functions_gets_a_function_call() -> None:
    told = said(
        writer(functions=[{"name": "f"}]),
        [ToolCallDelta(0, 0, "a", "f", "{}")],
        [ToolCallDelta(0, 1, "b", "g", "{}")],
        [Finished(0, "tool_calls")],
    )
    assert [each["delta"] for each in told[1:]] == [
        {"function_call": {"arguments": "{}", "name": "f"}},
        {},
    ]
    assert told[-1]["finish_reason"] == "function_call"


PROBABLE = TokenLogprob("é", -0.5, None, (TokenLogprob("e", -1.0, (101,)),))


def test_probabilities_stand_beside_their_text() -> None:
    told = said(
        writer(), [Started(0), TextDelta(0, "é"), LogprobsReported(0, (PROBABLE,))]
    )
    assert told[1] == {
        "index": 0,
        "delta": {"content": "é"},
        "logprobs": {
            "content": [
                {
                    "token": "é",
                    "logprob": -0.5,
                    "bytes": [195, 169],
                    "top_logprobs": [{"token": "e", "logprob": -1.0, "bytes": [101]}],
                }
            ],
            "refusal": None,
        },
        "finish_reason": None,
    }


def test_probabilities_without_text_come_before_the_end() -> None:
    frame = [Started(0), Finished(0, "stop"), LogprobsReported(0, (PROBABLE,))]
    told = said(writer(), frame)
    assert [bool(each.get("logprobs")) for each in told] == [False, True, False]
    assert told[-1]["finish_reason"] == "stop"


def test_probabilities_of_text_completions_count_their_characters_on() -> None:
    frame = [TextDelta(0, "é"), LogprobsReported(0, (PROBABLE,))]
    told = said(writer("text_completion"), frame, frame)
    assert told[0]["logprobs"] == {
        "tokens": ["é"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"e": -1.0}],
        "text_offset": [0],
    }
    assert told[1]["logprobs"]["text_offset"] == [1]


def test_empty_text_says_nothing() -> None:
    chunks = writer()
    chunks.encode([Started(0)])
    assert chunks.encode([TextDelta(0, "")]) == b""


def test_usage_of_a_continued_answer_counts_what_was_said_before_as_said() -> None:
    chunks = writer(usage_asked=True)
    chunks.said_before = 5
    chunks.encode([UsageReported(Usage(15, 3))])
    assert b'"prompt_tokens":10,"completion_tokens":8' in chunks.close()
