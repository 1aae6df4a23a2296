"""Every golden stream of one dialect, written for a client of the other, means the same."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.answers import WholeAnswer, fold
from llmwrap.canonical.events import Event
from llmwrap.canonical.messages import Request
from llmwrap.dialects.base import Dialect
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import GatewayError
from tests.dialects import ollama, requests
from tests.dialects.ollama import OLLAMA, STAMP, chat, generate, lines_of
from tests.fakes import Golden, load_golden

OPENAI = OpenAI()

SSE = load_golden()
NDJSON = ollama.load_golden()


def _translated(
    upstream: Dialect, client: Dialect, request: Request, raw: bytes
) -> bytes:
    """What a client gets of an upstream's stream, to its end or its error."""
    reader, encoder = upstream.frame_reader(), client.encoder(request, STAMP)
    out: list[bytes] = []
    try:
        out.extend(encoder.encode(frame.events, 1.0) for frame in reader.feed(raw))
        if not reader.ended:
            reader.end()
        out.append(encoder.close(2.0))
    except GatewayError as error:
        out.append(encoder.fail(error))
    return b"".join(out)


def _read(dialect: Dialect, raw: bytes) -> WholeAnswer:
    """A stream that has to be complete."""
    reader = dialect.frame_reader()
    events: list[Event] = []
    for frame in reader.feed(raw):
        events += frame.events
    assert reader.ended
    return fold(events)


@pytest.mark.parametrize("golden", SSE, ids=lambda golden: golden.file)
def test_stream_of_an_openai_server_is_one_of_ollama(golden: Golden) -> None:
    chats = golden.operation == "chat"
    request = chat() if chats else generate(raw=True)
    *said, last = lines_of(_translated(OPENAI, OLLAMA, request, golden.raw))
    assert not any(line["done"] for line in said)
    assert not any({"error", "type"} & line.keys() for line in said)
    name = "content" if chats else "response"
    holders = [line["message"] if chats else line for line in said]
    first = next((each for each in golden.choices if each.index == 0), None)
    text = first.text if first else ""
    reasoning = first.reasoning if first else ""
    assert "".join(holder[name] for holder in holders) == text
    assert "".join(holder.get("thinking", "") for holder in holders) == reasoning
    if golden.outcome != "complete":  # C39, C40
        assert list(last) == ["error"]
        assert last["error"] == golden.error_message or not golden.error_message
        return
    length = bool(first and first.finish_reason == "length")
    assert (last["done"], last["done_reason"]) == (True, "length" if length else "stop")
    usage = golden.usage or {}
    assert last.get("prompt_eval_count", 0) == usage.get("prompt_tokens", 0)
    assert last.get("eval_count", 0) == usage.get("completion_tokens", 0)
    calls: list[Any] = [
        call for holder in holders for call in holder.get("tool_calls", ())
    ]
    expected = first.tool_calls if first else ()
    assert [(call["function"]["name"], call["function"]) for call in calls] == [
        (
            call.name,
            {
                "index": number,
                "name": call.name,
                "arguments": orjson.loads(call.arguments or "{}"),
            },
        )
        for number, call in enumerate(expected)
    ]
    for call, wanted in zip(calls, expected, strict=True):
        assert call["id"] == wanted.id or not wanted.id


@pytest.mark.parametrize("golden", NDJSON, ids=lambda golden: golden.file)
def test_stream_of_an_ollama_server_is_one_of_openai(golden: ollama.Golden) -> None:
    body: dict[str, Any] = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if golden.form == "chat":
        request = requests.read("chat", {**body, "messages": [requests.USER]})
    else:
        request = requests.read("text_completion", {**body, "prompt": "x"})
    out = _translated(OLLAMA, OPENAI, request, golden.raw)
    if golden.outcome != "complete":  # C63
        error = orjson.loads(out.rstrip().rpartition(b"data: ")[2])
        assert list(error) == ["error"]
        assert error["error"]["message"] == golden.error or not golden.error
        assert b"[DONE]" not in out
        return
    answer = _read(OPENAI, out)
    (choice,) = answer.choices
    assert choice.text == golden.text * golden.text_times
    assert choice.reason == golden.finish  # C57, C64
    if golden.form == "chat":
        assert choice.reasoning == golden.reasoning
    assert [(call.name, call.arguments) for call in choice.calls] == [
        (call["name"], call["arguments"]) for call in golden.tools
    ]  # C57, C58
    ids = [call.id for call in choice.calls]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    if golden.told_usage:  # C59
        assert answer.usage == golden.told_usage


def _piece(function: dict[str, str], **fields: Any) -> bytes:
    """A piece of a tool call from a server that numbers every call 0."""
    call = {"index": 0, "function": function, **fields}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


def test_new_id_with_a_name_on_the_same_number_is_another_call() -> None:
    raw = b"".join(
        (
            _piece({"name": "f", "arguments": '{"x":'}, id="a"),
            _piece({"arguments": "1}"}),
            _piece({"name": "f", "arguments": '{"x":'}, id="b"),
            _piece({"arguments": "2}"}),
            b"data: [DONE]\n\n",
        )
    )
    line, _ = lines_of(_translated(OPENAI, OLLAMA, chat(), raw))
    told = [
        (call["id"], call["function"]["index"], call["function"]["arguments"])
        for call in line["message"]["tool_calls"]
    ]
    assert told == [("a", 0, {"x": 1}), ("b", 1, {"x": 2})]
