"""Streams of chat completions, passed through frame by frame (C32-C38, C42)."""

import json
import threading
from typing import Any

import pytest

from tests.fakes import (
    LAST_CHUNK,
    chat_chunk,
    chunked,
    done,
    send,
    sse,
    sse_head,
    stream,
    wait,
)
from tests.web.surface import (
    ALIAS,
    CHAT,
    GENERATING,
    OLDER,
    Body,
    Stage,
    chat_body,
    chat_model,
    frames,
    payloads,
    texts,
)

ROUTE = "/api/v1/chat/completions"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chunk(delta: Body, reason: str | None = None, **more: Any) -> Body:
    """A chunk of the model that was asked for."""
    return chat_chunk(delta, reason) | {"model": CHAT} | more


ROLE = chunk({"role": "assistant", "content": ""})
FINISH = chunk({}, "stop")
USAGE_CHUNK = chunk({}) | {"choices": [], "usage": USAGE}


def events(*middle: Body) -> list[bytes]:
    """A whole stream around `middle`."""
    return [*map(sse, (ROLE, *middle, FINISH)), done()]


@pytest.mark.parametrize("prefix", GENERATING)
def test_stream_is_an_event_stream_that_ends_with_done(
    stage: Stage, prefix: str
) -> None:
    """C32, C33; acceptance 53."""
    body = chat_body(prefix, stream=True)
    answer = stage.gateway.post(f"{prefix}/chat/completions", body)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in answer.headers
    assert "Content-Encoding" not in answer.headers
    assert answer.content.startswith(b"data: {")
    assert answer.content.endswith(b"\n\ndata: [DONE]\n\n")
    *chunks, last = payloads(answer.content)
    assert last == "[DONE]"
    assert texts(chunks) == "Hello"
    assert {(each["id"], each["created"], each["model"]) for each in chunks} == {
        ("chatcmpl-fake", 1700000000, chat_model(prefix))
    }
    choices = [each["choices"][0] for each in chunks]
    assert [choice["delta"].get("role") for choice in choices] == [
        "assistant",
        None,
        None,
        None,
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]


def test_stream_that_arrives_in_one_piece_has_no_content_length(stage: Stage) -> None:
    whole = chunked(b"".join(events()))
    stage.chat.fake.chat([send(sse_head() + whole + LAST_CHUNK)])
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert "Content-Length" not in answer.headers
    assert answer.content == b"".join(events())


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
def test_frames_leave_as_the_bytes_they_came_in(stage: Stage, prefix: str) -> None:
    """Number kinds, key order, spaces, U+2028; nothing is written anew without a reason."""
    odd = json.dumps(
        chunk({"content": "\u2028 \U0001f600"}, odd=[1, 1.0]), ensure_ascii=False
    )
    sent = [
        sse(ROLE),
        f"data: {odd}\n\n".encode(),
        sse(chunk({"reasoning_content": "hm", "reasoning": "hm"})),
        sse(FINISH),
        done(),
    ]
    stage.chat.fake.chat(stream(sent))
    body = chat_body(stream=True)
    answer = stage.gateway.post(f"{prefix}/chat/completions", body)
    assert answer.content == b"".join(sent)


def test_upstream_is_asked_for_usage_always(stage: Stage) -> None:
    stage.gateway.post(ROUTE, chat_body(stream=True))
    request = stage.chat.request.json()
    assert request == chat_body(stream=True, stream_options={"include_usage": True})


def test_other_stream_options_are_kept(stage: Stage) -> None:
    options = {"include_obfuscation": False, "include_usage": False}
    stage.gateway.post(ROUTE, chat_body(stream=True, stream_options=options))
    assert stage.chat.request.json()["stream_options"] == {
        "include_obfuscation": False,
        "include_usage": True,
    }


def test_usage_that_was_asked_for_arrives_once(stage: Stage) -> None:
    """C34."""
    sent = [sse(ROLE), sse(FINISH), sse(USAGE_CHUNK), done()]
    stage.chat.fake.chat(stream(sent))
    body = chat_body(stream=True, stream_options={"include_usage": True})
    answer = stage.gateway.post(ROUTE, body)
    assert answer.content == b"".join(sent)


@pytest.mark.parametrize(
    "options", [{}, {"stream_options": {}}, {"stream_options": None}]
)
def test_usage_that_was_not_asked_for_does_not_arrive(
    stage: Stage, options: Body
) -> None:
    """C34: clients index `choices[0]` of every chunk."""
    part = chunk({"content": "a"}, usage=USAGE)
    stage.chat.fake.chat(stream([*map(sse, (ROLE, part, FINISH, USAGE_CHUNK)), done()]))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True, **options))
    *chunks, last = payloads(answer.content)
    assert last == "[DONE]"
    assert len(chunks) == 3
    assert all(each["choices"] for each in chunks)
    assert b"usage" not in answer.content


def test_chunk_without_choices_that_is_no_usage_is_passed_on(stage: Stage) -> None:
    """Azure's first chunk: the prompt's filter results."""
    first = chunk({}) | {"choices": [], "prompt_filter_results": []}
    sent = [sse(first), *events()]
    stage.chat.fake.chat(stream(sent))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert answer.content == b"".join(sent)


def test_model_is_named_as_it_was_asked_for(stage: Stage) -> None:
    stage.chat.fake.chat(stream(events(chunk({"content": "a"}, model="/srv/m.gguf"))))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True) | {"model": ALIAS})
    *chunks, _ = payloads(answer.content)
    assert {each["model"] for each in chunks} == {ALIAS}
    assert stage.chat.request.json()["model"] == CHAT


def test_each_token_leaves_before_the_next_is_made(stage: Stage) -> None:
    """C35: the upstream goes on only when the client has what it sent before."""
    gates = [threading.Event() for _ in range(4)]
    parts = [chunk({"content": text}) for text in "abcd"]
    steps = [send(sse_head() + chunked(sse(ROLE)))]
    for gate, part in zip(gates, parts, strict=True):
        steps += [wait(gate), send(chunked(sse(part)))]
    stage.chat.fake.chat([*steps, send(chunked(sse(FINISH) + done()) + LAST_CHUNK)])
    for prefix in ("/api/v1", "/chat/v1"):
        body = chat_body(stream=True)
        with stage.gateway.post(
            f"{prefix}/chat/completions", body, stream=True
        ) as answer:
            arriving = frames(answer)
            assert next(arriving) == sse(ROLE)
            for gate, part in zip(gates, parts, strict=True):
                gate.set()
                assert next(arriving) == sse(part)
            assert list(arriving) == [sse(FINISH), done()]
        for gate in gates:
            gate.clear()


@pytest.mark.parametrize("prefix", OLDER)
def test_older_prefix_holds_back_no_token_after_the_first(
    stage: Stage, prefix: str
) -> None:
    """It waits for content, which an empty answer never has; then each leaves at once."""
    gate = threading.Event()
    first, second = chunk({"content": "a"}), chunk({"content": "b"})
    stage.chat.fake.chat(
        [
            send(sse_head() + chunked(sse(ROLE)) + chunked(sse(first))),
            wait(gate),
            send(chunked(sse(second) + sse(FINISH) + done()) + LAST_CHUNK),
        ]
    )
    body = chat_body(stream=True)
    with stage.gateway.post(f"{prefix}/chat/completions", body, stream=True) as answer:
        arriving = frames(answer)
        assert [next(arriving), next(arriving)] == [sse(ROLE), sse(first)]
        gate.set()
        assert list(arriving) == [sse(second), sse(FINISH), done()]


def tool_part(index: int, **call: Any) -> Body:
    return chunk({"tool_calls": [{"index": index, **call}]})


def test_parallel_tool_calls_are_passed_on_in_pieces(stage: Stage) -> None:
    """C36."""
    start = {"type": "function", "function": {"name": "f", "arguments": ""}}
    sent = events(
        tool_part(0, id="call_a", **start),
        tool_part(0, function={"arguments": '{"a"'}),
        tool_part(0, function={"arguments": ":1}"}),
        tool_part(1, id="call_b", **start),
        tool_part(1, function={"arguments": "{}"}),
    )
    stage.chat.fake.chat(stream(sent))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert answer.content == b"".join(sent)


def test_choices_of_one_stream_keep_their_indexes(stage: Stage) -> None:
    """C37."""
    second = chunk({"content": "b"})
    second["choices"][0]["index"] = 1
    last = chunk({}, "length")
    last["choices"][0]["index"] = 1
    sent = events(second, chunk({"content": "a"}), last)
    stage.chat.fake.chat(stream(sent))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True, n=2))
    assert answer.content == b"".join(sent)


def test_comments_and_other_fields_of_the_upstream_are_swallowed(stage: Stage) -> None:
    """C42: keep-alives of TGI, OpenRouter, llama.cpp; ids and retries crash old clients."""
    noise = [
        b": keep-alive\n\n",
        b":\n\n",
        b"id: 7\nretry: 10\n\n",
        b"event: ping\n\n",
        b"event: ping\ndata: {}\n\n",
        b": OPENROUTER PROCESSING\n\n",
    ]
    sent = events(chunk({"content": "a"}))
    mixed = [piece for pair in zip(noise, sent, strict=False) for piece in pair]
    stage.chat.fake.chat(stream([*mixed, noise[0]]))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert answer.content == b"".join(sent)


def test_frame_in_another_spelling_leaves_in_the_plain_one(stage: Stage) -> None:
    """CRLF, no space, an id, several data lines: one `data:` line, one blank line."""
    part = chunk({"content": "a"})
    halves = json.dumps(part).split(", ", 1)
    spelt = [
        b"data:" + json.dumps(ROLE).encode() + b"\r\n\r\n",
        b"id: 1\nevent: message\ndata: %s,\ndata: %s\n\n"
        % (halves[0].encode(), halves[1].encode()),
        sse(FINISH).replace(b"\n", b"\r"),
        b"data: [DONE] \r\n\r\n",
    ]
    stage.chat.fake.chat(stream(spelt))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert payloads(answer.content) == [ROLE, part, FINISH, "[DONE]"]
    assert b"\r" not in answer.content
    assert b"id:" not in answer.content
    assert answer.content.count(b"data: ") == answer.content.count(b"\n\n") == 4


def test_nothing_leaves_after_done(stage: Stage) -> None:
    sent = events()
    stage.chat.fake.chat(stream([*sent, sse(FINISH), done()]))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert answer.content == b"".join(sent)


def test_done_is_added_where_a_finished_answer_lacks_it(stage: Stage) -> None:
    stage.chat.fake.chat(stream(map(sse, (ROLE, FINISH))))
    answer = stage.gateway.post(ROUTE, chat_body(stream=True))
    assert answer.content == sse(ROLE) + sse(FINISH) + b"data: [DONE]\n\n"
