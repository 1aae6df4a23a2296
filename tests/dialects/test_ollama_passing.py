"""From Ollama to Ollama: what goes upstream, and what of the answer leaves as it came."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from llmwrap.canonical.answers import fold
from llmwrap.canonical.events import Usage, UsageReported
from llmwrap.canonical.messages import Request
from llmwrap.errors import ModelLoading, UpstreamError, UpstreamProtocolError
from llmwrap.settings.values import OLLAMA_SERVICE
from tests.dialects.ollama import (
    HI,
    OLLAMA,
    STAMP,
    chat,
    generate,
    lines_of,
    passed,
    read,
    sent,
)

AT = "2026-08-21T10:11:12.123456789Z"


def _line(text: str, model: str = "m", **more: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    told = {"model": model, "created_at": AT, "message": message, "done": False}
    return json.dumps(told | more, ensure_ascii=False).encode() + b"\n"


def _done(model: str = "m", **more: Any) -> bytes:
    end = {"done": True, "done_reason": "stop"}
    counts = {"prompt_eval_count": 10, "eval_count": 2}
    return _line("", model, **end | counts | more)


def _embeds(form: str = "embed") -> Request:
    return read(form, {"model": "m", "input": "x", "prompt": "x"})


# What goes upstream


def test_call_has_the_clients_fields_with_the_upstreams_name() -> None:
    request = chat(think=True, keep_alive="5m", options={"num_ctx": 9}, zzz=1)
    call = OLLAMA.render_call(request, "m:latest", {})
    assert (call.method, call.path) == ("POST", "/api/chat")
    assert sent(call) == {
        **HI,
        "model": "m:latest",
        "think": True,
        "keep_alive": "5m",
        "options": {"num_ctx": 9},
        "zzz": 1,
        "stream": True,
    }
    assert dict(call.headers)["Accept"] == "application/x-ndjson"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("form", ["chat", "generate"])
def test_stream_is_always_said(form: str, stream: bool) -> None:  # C54
    request = chat(stream=stream) if form == "chat" else generate(stream=stream)
    call = OLLAMA.render_call(request, "m", {})
    assert (call.path, sent(call)["stream"]) == (f"/api/{form}", stream)


@pytest.mark.parametrize("form", ["embed", "embeddings"])
def test_embeddings_go_where_they_came(form: str) -> None:
    call = OLLAMA.render_call(_embeds(form), "e:latest", {})
    assert call.path == f"/api/{form}"
    assert "stream" not in sent(call)


def test_services_defaults_fill_the_options() -> None:
    service = replace(OLLAMA_SERVICE, default_temperature=0.7, default_top_p=0.9)
    request = read("chat", {**HI, "options": {"temperature": 0}}, service)
    call = OLLAMA.render_call(request, "m", request.defaults)
    assert sent(call)["options"] == {"temperature": 0, "top_p": 0.9}


def test_clients_foreign_forms_go_up_as_ollamas() -> None:
    function = {"name": "f", "arguments": '{"a":1}'}
    call = OLLAMA.render_call(
        chat(
            messages=[
                {"role": "User", "content": [{"type": "text", "text": "a"}]},
                {"role": "assistant", "tool_calls": [{"function": function}]},
            ]
        ),
        "m",
        {},
    )
    assert sent(call)["messages"] == [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
        },
    ]


def test_key_is_a_bearer() -> None:
    assert OLLAMA.credentials("k") == (("Authorization", "Bearer k"),)
    assert OLLAMA.credentials("") == ()


# Streams


def test_line_leaves_as_it_came() -> None:
    raw = _line("Hi", zzz=1.50) + _done(context=[1, 2])
    assert passed(chat(), raw) == raw


def test_line_of_another_model_names_the_one_that_was_asked_for() -> None:
    raw = _line("Hi", "m:latest") + _done("m:latest", total_duration=1234)
    first, last = lines_of(passed(chat(), raw))
    message = {"role": "assistant", "content": "Hi"}
    told = {"model": "m", "created_at": AT, "message": message, "done": False}
    assert first == told
    assert last == orjson.loads(_done("m", total_duration=1234))


def test_generation_of_another_model_is_renamed_too() -> None:
    told = {"model": "x", "created_at": AT, "response": "é", "done": False}
    (line,) = lines_of(passed(generate(), orjson.dumps(told) + b"\n"))
    assert line == {**told, "model": "m"}


@pytest.mark.parametrize("more", [{}, {"logprobs": [{"token": "é", "logprob": -1.5}]}])
def test_line_beyond_ascii_says_the_same_in_ascii(more: dict[str, Any]) -> None:
    raw = _line("grün\u2028\x85 😀", **more)  # C41
    (line,) = lines_of(passed(chat(), raw))
    assert line == orjson.loads(raw)


def test_carriage_return_between_tokens_is_left_out() -> None:
    raw = _line("Hi").replace(b", ", b",\r ")
    assert passed(chat(), raw) == _line("Hi").replace(b", ", b",").replace(b": ", b":")


def test_integers_stay_integers() -> None:
    out = passed(chat(), _done("other", total_duration=1234567890123))
    assert out.endswith(b',"total_duration":1234567890123}\n')


def test_long_line_is_split_and_what_stands_beside_comes_last() -> None:
    message = {"role": "assistant", "content": "x" * 70_000, "thinking": "é" * 70_000}
    out = passed(chat(), _done(message=message))
    *lines, last = lines_of(out)
    assert all(len(line) < 65_536 for line in out.split(b"\n"))
    assert "".join(line["message"]["content"] for line in lines) == "x" * 70_000
    thoughts = "".join(line["message"].get("thinking", "") for line in lines)
    assert thoughts == "é" * 70_000
    assert not any(line["done"] for line in lines)
    assert last == orjson.loads(_done())


def test_long_line_without_text_leaves_whole() -> None:
    call = {"function": {"name": "f", "arguments": {"a": "x" * 70_000}}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    (line,) = lines_of(passed(chat(), _line("", message=message)))
    assert line["message"] == message


def test_stream_that_was_passed_on_has_its_own_end() -> None:
    reader, encoder = OLLAMA.frame_reader(), OLLAMA.encoder(chat(), STAMP)
    for frame in reader.feed(_line("Hi") + _done()):
        encoder.pass_on(frame)
    assert encoder.close(1.0) == b""


def test_answer_that_another_upstream_went_on_with_counts_as_one() -> None:
    reader, encoder = OLLAMA.frame_reader(), OLLAMA.encoder(chat(), STAMP)
    encoder.resume(3)
    first, last = map(encoder.pass_on, reader.feed(_line("Hi") + _done()))
    assert first == _line("Hi")
    (line,) = lines_of(last)
    assert (line["prompt_eval_count"], line["eval_count"]) == (7, 5)


# Plain answers


def _plain(**more: Any) -> bytes:
    return _done(message={"role": "assistant", "content": "grün"}, **more)


def test_plain_answer_leaves_as_it_came() -> None:
    body = _plain()
    out, events = OLLAMA.pass_answer(chat(stream=False), body)
    assert out == body
    answer = fold(events)
    assert (answer.choices[0].text, answer.choices[0].reason) == ("grün", "stop")
    assert answer.usage == Usage(10, 2)


def test_plain_answer_of_another_model_names_the_one_that_was_asked_for() -> None:
    body = _plain(model="m:latest")
    out, _ = OLLAMA.pass_answer(chat(stream=False), body)
    assert orjson.loads(out) == {**orjson.loads(body), "model": "m"}


def test_embeddings_leave_as_they_came() -> None:
    body = b'{"model":"m","embeddings":[[0.6, 0.80]],"prompt_eval_count":3}'
    assert OLLAMA.pass_answer(_embeds(), body) == (body, (UsageReported(Usage(3)),))
    older = b'{"embedding":[1.50]}'
    assert OLLAMA.pass_answer(_embeds("embeddings"), older) == (older, ())


BAD = [
    (b"<html>", UpstreamProtocolError),
    (b"[]", UpstreamProtocolError),
    (_line("Hi"), UpstreamProtocolError),
    (_line("Hi") + _done(), UpstreamProtocolError),
    (_done(done_reason="load"), ModelLoading),
    (b'{"error":"boom"}', UpstreamError),
]


@pytest.mark.parametrize(("body", "kind"), BAD)
def test_plain_answer_that_is_none_is_an_error(body: bytes, kind: type) -> None:
    with pytest.raises(kind):
        OLLAMA.pass_answer(chat(stream=False), body)


def test_embeddings_that_are_none_are_an_error() -> None:
    with pytest.raises(UpstreamProtocolError):
        OLLAMA.pass_answer(_embeds(), b'{"model":"m"}')


# Going on with a broken answer


def test_free_text_of_a_chat_may_be_continued() -> None:
    assert OLLAMA.may_continue(chat())
    assert OLLAMA.may_continue(chat(tools=[], format="", logprobs=False))


@pytest.mark.parametrize(
    "request_",
    [
        chat(stream=False),
        chat(tools=[{"function": {"name": "f"}}]),
        chat(format="json"),
        chat(logprobs=True),
        chat(messages=[]),
        chat(messages=[{"role": "assistant", "content": "a"}]),
        generate(),
        _embeds(),
    ],
)
def test_nothing_else_may_be_continued(request_: Request) -> None:
    assert not OLLAMA.may_continue(request_)


def test_what_was_said_is_the_assistants_last_turn() -> None:
    call = OLLAMA.render_call(chat(), "m", {})
    again = OLLAMA.render_continuation(call, "Hel", "prefill")
    turn = {"role": "assistant", "content": "Hel"}
    assert sent(again) == {**sent(call), "messages": [*HI["messages"], turn]}
    assert (again.path, again.headers) == (call.path, call.headers)


def test_turns_of_a_conversation_share_its_beginning() -> None:
    system = {"role": "system", "content": "s"}
    first = chat(messages=[system, *HI["messages"]])
    later = chat(messages=[*first.body["messages"], system, *HI["messages"]])
    assert OLLAMA.conversation(first) == OLLAMA.conversation(later) != b""
    assert OLLAMA.conversation(chat()) != OLLAMA.conversation(first)
    assert OLLAMA.conversation(generate(prompt="a" * 5000)) == OLLAMA.conversation(
        generate(prompt="a" * 6000)
    )
    assert OLLAMA.conversation(_embeds()) == b""
