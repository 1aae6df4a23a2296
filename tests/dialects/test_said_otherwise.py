"""What servers say in other forms than text leaves as text, and the numbers of calls are right."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.answers import Choice, fold
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import ToolCall
from llmwrap.dialects.openai import OpenAI
from tests.dialects.streams import run_stream, stream_request
from tests.fakes import whatwg_payloads

DONE = b"data: [DONE]\n\n"


def _streamed(*deltas: Any) -> tuple[Choice, list[Any]]:
    """What a stream of these deltas says, and its client's deltas."""
    chunks = [_chunk({"index": 0, "delta": delta}) for delta in deltas]
    chunks.append(_chunk({"index": 0, "delta": {}, "finish_reason": "stop"}))
    told = run_stream(stream_request(), [b"".join(chunks) + DONE])
    assert told.failure is None
    payloads = whatwg_payloads(told.sent.removesuffix(DONE))
    sent = [orjson.loads(each)["choices"][0]["delta"] for each in payloads]
    (choice,) = fold(told.events).choices
    return choice, sent[:-1]


def _chunk(choice: Any) -> bytes:
    named = {"object": "chat.completion.chunk", "model": "asked-for"}
    return b"data: " + orjson.dumps(named | {"choices": [choice]}) + b"\n\n"


def _plain(message: Any) -> tuple[Choice, Any]:
    """What a plain answer of this message says, and the client's message."""
    request = Request("chat", "m", stream=False, body={})
    answer = {"object": "chat.completion", "model": "m"}
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body, events = OpenAI().pass_answer(request, orjson.dumps(answer))
    (choice,) = fold(events).choices
    return choice, orjson.loads(body)["choices"][0]["message"]


MAGISTRAL = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"text": "m"}]},
    {"type": "text", "text": "o"},
    {"type": "text", "text": "k"},
]
BOTH = {"reasoning_content": "hm", "reasoning": "hm"}


@pytest.mark.parametrize(
    ("said", "text", "thought", "sent"),
    [
        ({"content": MAGISTRAL}, "ok", "hm", {"content": "ok"} | BOTH),
        (
            {"content": [{"type": "thinking", "thinking": "hm"}]},
            "",
            "hm",
            {"content": ""} | BOTH,
        ),
        ({"content": {"type": "text", "text": "a"}}, "a", "", {"content": "a"}),
        ({"content": ["a", {"type": "image_url"}, 5]}, "a5", "", {"content": "a5"}),
        ({"content": []}, "", "", {"content": ""}),
        (
            {"content": MAGISTRAL, "reasoning": "hm"},
            "ok",
            "hm",
            {"content": "ok", "reasoning": "hm"},
        ),
        ({"reasoning": [{"type": "text", "text": "hm"}]}, "", "hm", BOTH),
        ({"reasoning_content": MAGISTRAL[:1]}, "", "hm", BOTH),
    ],
)
def test_content_in_parts_becomes_text(
    said: dict[str, Any], text: str, thought: str, sent: dict[str, Any]
) -> None:
    for choice, told in (_plain(said), _streamed(said)):
        assert (choice.text, choice.reasoning) == (text, thought)
        assert told in (sent, [sent])


def test_text_after_parts_leaves_as_it_came() -> None:
    choice, sent = _streamed({"content": MAGISTRAL}, {"content": "!"})
    assert choice.text == "ok!"
    assert sent == [{"content": "ok"} | BOTH, {"content": "!"}]


def _call(arguments: Any, name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **fields}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"a": "é", "b": [1, 2.0]}, '{"a":"é","b":[1,2.0]}'),
        ({}, "{}"),
        (None, ""),
        ([1], "[1]"),
    ],
)
def test_arguments_of_other_forms_become_json_text(arguments: Any, text: str) -> None:
    calls = {"tool_calls": [_call(arguments, id="a", index=0)]}
    for choice, told in (_plain(calls), _streamed(calls)):
        assert choice.calls == (ToolCall("a", "f", text),)
        message = told[0] if isinstance(told, list) else told
        assert message["tool_calls"][0]["function"]["arguments"] == text
    older = {"function_call": {"name": "f", "arguments": arguments}}
    choice, told = _plain(older)
    assert choice.calls == (ToolCall("", "f", text),)
    assert told["function_call"]["arguments"] == text


A, B = '{"x":1}', '{"y":2}'
F, G = ToolCall("", "f", A), ToolCall("", "g", B)


@pytest.mark.parametrize("fields", [{}, {"id": ""}, {"index": 0}])
@pytest.mark.parametrize("together", [True, False])
def test_whole_calls_without_ids_are_calls_of_their_own(
    fields: dict[str, Any], together: bool
) -> None:
    calls = [_call(A, "f", **fields), _call(B, "g", **fields), _call(A, "g", **fields)]
    deltas = [calls] if together else [[call] for call in calls]
    choice, sent = _streamed(*({"tool_calls": delta} for delta in deltas))
    assert choice.calls == (F, G, ToolCall("", "g", A))
    told = [call["index"] for delta in sent for call in delta["tool_calls"]]
    assert told == [0, 1, 2]


def test_piece_after_a_new_call_is_of_that_call() -> None:
    pieces = [_call(A), _call('{"y"', "g"), {"function": {"arguments": ":2}"}}]
    choice, sent = _streamed(*({"tool_calls": [piece]} for piece in pieces))
    assert choice.calls == (F, G)
    assert [delta["tool_calls"][0]["index"] for delta in sent] == [0, 1, 1]


def test_name_in_every_piece_begins_no_call() -> None:
    pieces = [_call(text, index=0) for text in ("", '{"x"', ":1}", "", " \n")]
    choice, _ = _streamed(*({"tool_calls": [piece]} for piece in pieces))
    assert choice.calls == (ToolCall("", "f", A + " \n"),)


def test_new_id_on_an_index_is_a_call_that_clients_can_tell_apart() -> None:
    calls = [_call(A, "f", index=0, id="a"), _call(B, "g", index=0, id="b")]
    choice, sent = _streamed(*({"tool_calls": [call]} for call in calls))
    assert choice.calls == (ToolCall("a", "f", A), ToolCall("b", "g", B))
    assert [delta["tool_calls"][0]["index"] for delta in sent] == [0, 1]


def test_pieces_of_calls_in_order_leave_as_they_came() -> None:
    chunk = _chunk(
        {"index": 0, "delta": {"tool_calls": [_call(A, index=0, id="a")]}}
    ).replace(b'"asked-for"', b' "asked-for" ')
    assert run_stream(stream_request(), [chunk]).sent == chunk
