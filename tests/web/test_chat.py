"""Chat completions without a stream, passed through (C15-C17, C20-C25, C30, C44)."""

import json
from typing import Any

import pytest

from tests.fakes import json_answer
from tests.web.surface import (
    ALIAS,
    CHAT,
    CODE,
    GENERATING,
    Body,
    Stage,
    chat_body,
    chat_model,
)

ROUTE = "/api/v1/chat/completions"

EVERY_FIELD: Body = {
    "messages": [{"role": "user", "content": "Hi", "name": "zoë"}],
    "model": ALIAS,
    "temperature": 1,
    "top_p": 1.0,
    "n": 2,
    "stop": ["a", "b"],
    "max_completion_tokens": 16,
    "max_tokens": 17,
    "presence_penalty": -0.5,
    "frequency_penalty": 0,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "seed": 9007199254740993,
    "stream": False,
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {"type": "object", "properties": {"z": {}, "a": {}}},
                "strict": True,
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "s"}},
    "reasoning_effort": "low",
    "verbosity": "low",
    "modalities": ["text"],
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {"search_context_size": "low"},
    "service_tier": "auto",
    "store": False,
    "metadata": {"b": "1", "a": "2"},
    "user": "u",
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "moderation": None,
    "top_k": -1,
    "min_p": 0.05,
    "repetition_penalty": 1.0,
    "chat_template_kwargs": {"enable_thinking": False},
    "foo": {"z": [1, 1.0, None], "a": "\u2028"},
}


def compact(value: object) -> bytes:
    """JSON as the gateway writes it: no blanks, non-ASCII as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("prefix", GENERATING)
def test_answer_has_every_required_key(stage: Stage, prefix: str) -> None:
    """C15; also C44: a request that says nothing of streams gets JSON."""
    answer = stage.gateway.post(f"{prefix}/chat/completions", chat_body(prefix))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.json() == {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1700000000,
        "model": chat_model(prefix),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


@pytest.mark.parametrize("prefix", GENERATING)
def test_request_reaches_the_upstream_of_its_model(stage: Stage, prefix: str) -> None:
    stage.gateway.post(f"{prefix}/chat/completions", chat_body(prefix))
    upstream = stage.code if prefix == "/code/v1" else stage.chat
    assert upstream.request.path == "/v1/chat/completions"
    assert upstream.request.json()["model"] == chat_model(prefix)
    assert stage.asked == 1


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
def test_service_for_all_models_routes_by_model(stage: Stage, prefix: str) -> None:
    stage.gateway.post(f"{prefix}/chat/completions", chat_body() | {"model": CODE})
    assert stage.code.request.json()["model"] == CODE
    assert stage.asked == 1


def test_every_field_reaches_the_upstream_unchanged(stage: Stage) -> None:
    """C17: values, kinds of numbers and the order of keys; only the model is another."""
    stage.gateway.post(ROUTE, EVERY_FIELD)
    assert stage.chat.request.body == compact(EVERY_FIELD | {"model": CHAT})


def test_nothing_is_added_on_the_newer_prefixes(stage: Stage) -> None:
    stage.gateway.post(ROUTE, chat_body())
    assert stage.chat.request.body == compact(chat_body())


@pytest.mark.parametrize("said", [False, None])
def test_stream_that_is_not_wanted_gives_json(stage: Stage, said: object) -> None:
    """C44."""
    answer = stage.gateway.post(ROUTE, chat_body(stream=said))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["object"] == "chat.completion"


def test_answer_of_the_asked_model_leaves_as_the_bytes_it_came_in(stage: Stage) -> None:
    """C16: unknown keys, number kinds, spaces; nothing is read twice."""
    raw = (
        b'{ "id": "x", "object": "chat.completion", "created": 1, "model": "%s",\n'
        b' "choices": [{"index": 0, "message": {"role": "assistant", "content":'
        b' "\xe2\x80\xa8", "refusal": null, "odd": 1.0}, "logprobs": null,'
        b' "finish_reason": "stop", "stop_reason": 128001}],'
        b' "timings": {"a": 1e2}, "usage": null}' % CHAT.encode()
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw)
    stage.chat.fake.chat([lambda connection: connection.send(head + raw)])
    answer = stage.gateway.post(ROUTE, chat_body())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == raw


def test_name_of_the_model_upstream_does_not_leak(stage: Stage) -> None:
    """C16: the answer names the model that was asked for."""
    said: Body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "/srv/models/mistral.gguf",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}}],
        "extra": {"kept": [1, 2.0]},
    }
    stage.chat.fake.chat(json_answer(200, said))
    answer = stage.gateway.post(ROUTE, chat_body() | {"model": ALIAS})
    assert answer.json() == said | {"model": ALIAS}
    assert b"gguf" not in answer.content


CONVERSATIONS: list[list[Body]] = [
    [{"role": role, "content": "x"} for role in ("developer", "system", "user")],
    [
        {"role": "user", "content": [{"type": "text", "text": "a"}], "name": "zoë"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "user", "content": "b"},
    ],
    [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ],
    [
        {"role": "user", "content": "x"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "odd": [1]},
        {"role": "user", "content": "and?"},
    ],
]


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_messages_are_passed_on_as_they_are(stage: Stage, messages: list[Body]) -> None:
    """C20, C22: every role, texts and parts, tool calls with content null."""
    answer = stage.gateway.post(ROUTE, chat_body() | {"messages": messages})
    assert answer.status_code == 200
    assert stage.chat.request.json()["messages"] == messages


def choice(index: int, message: Body, reason: str, **more: Any) -> Body:
    return {"index": index, "message": message, "finish_reason": reason, **more}


def answer_of(*choices: Body) -> Body:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": CHAT,
        "choices": list(choices),
    }


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
LOGPROBS = {
    "content": [{"token": "a", "logprob": -9999.0, "bytes": [97], "top_logprobs": []}],
    "refusal": None,
}

ANSWERS: list[Body] = [
    answer_of(
        choice(0, {"role": "assistant", "content": "a"}, "stop"),
        choice(1, {"role": "assistant", "content": "b"}, "length"),
    ),
    answer_of(
        choice(
            0,
            {"role": "assistant", "content": None, "tool_calls": [CALL, CALL]},
            "tool_calls",
        )
    ),
    answer_of(
        choice(0, {"role": "assistant", "content": "a"}, "stop", logprobs=LOGPROBS)
    ),
    answer_of(choice(0, {"role": "assistant", "refusal": "no"}, "content_filter")),
    answer_of(choice(0, {"role": "assistant", "content": ""}, "stop")),
]


@pytest.mark.parametrize("said", ANSWERS)
def test_answer_is_passed_on_as_it_is(stage: Stage, said: Body) -> None:
    """C23, C25, C30: two choices, tool calls, log probabilities, refusals, emptiness."""
    stage.chat.fake.chat(json_answer(200, said))
    answer = stage.gateway.post(ROUTE, chat_body())
    assert answer.status_code == 200
    assert answer.json() == said
