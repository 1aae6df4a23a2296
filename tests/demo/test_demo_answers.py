"""What the demo refuses, field by field; no server."""

import json
from typing import Any

import pytest

from llmwrap.demo import DEMO_OWNER, demo_pools
from llmwrap.demo.answers import answer
from llmwrap.errors import (
    GatewayError,
    InvalidJson,
    InvalidRequest,
    MethodNotAllowed,
    MissingParameter,
    ModelNotFound,
    NotFound,
)

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
EMBED = "/v1/embeddings"
HELLO = {
    "model": "llmwrap-demo-chat",
    "messages": [{"role": "user", "content": "Hello"}],
}
PROMPT = {"model": "llmwrap-demo-chat", "prompt": "Hello"}
INPUT = {"model": "llmwrap-demo-embed", "input": "Hello"}


def post(path: str, body: dict[str, Any]) -> Any:
    return answer("POST", path, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (CHAT, HELLO | {"model": "llmwrap-demo-embed"}, "model"),
        (CHAT, HELLO | {"messages": "Hello"}, "messages"),
        (CHAT, HELLO | {"messages": ["Hello"]}, "messages"),
        (CHAT, HELLO | {"n": 0}, "n"),
        (CHAT, HELLO | {"n": 129}, "n"),
        (CHAT, HELLO | {"n": True}, "n"),
        (CHAT, HELLO | {"n": "2"}, "n"),
        (CHAT, HELLO | {"stream": "yes"}, "stream"),
        (CHAT, HELLO | {"max_tokens": 0}, "max_tokens"),
        (CHAT, HELLO | {"stream_options": {"include_usage": True}}, "stream_options"),
        (CHAT, HELLO | {"stream": True, "stream_options": 1}, "stream_options"),
        (CHAT, HELLO | {"tools": {}}, "tools"),
        (CHAT, HELLO | {"tools": [{"function": "f"}]}, "function"),
        (CHAT, HELLO | {"response_format": "json"}, "response_format"),
        (
            CHAT,
            HELLO | {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice",
        ),
        (TEXT, PROMPT | {"prompt": []}, "prompt"),
        (TEXT, PROMPT | {"prompt": [1, 2]}, "prompt"),
        (TEXT, PROMPT | {"prompt": 7}, "prompt"),
        (TEXT, PROMPT | {"prompt": ["Hi"] * 129}, "prompt"),
        (TEXT, PROMPT | {"prompt": ["Hi"] * 64, "n": 3}, "n"),
        (EMBED, INPUT | {"model": "llmwrap-demo-chat"}, "model"),
        (EMBED, INPUT | {"input": ""}, "input"),
        (EMBED, INPUT | {"input": ["a"] * 2049}, "input"),
        (EMBED, INPUT | {"input": [[1, 2]]}, "input"),
        (EMBED, INPUT | {"dimensions": 0}, "dimensions"),
        (EMBED, INPUT | {"dimensions": 4097}, "dimensions"),
        (EMBED, INPUT | {"encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_bad_field_is_refused_by_name(
    path: str, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        post(path, body)
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("path", "field"),
    [(CHAT, "model"), (CHAT, "messages"), (TEXT, "prompt"), (EMBED, "input")],
)
def test_absent_field_is_missing(path: str, field: str) -> None:
    whole = {CHAT: HELLO, TEXT: PROMPT, EMBED: INPUT}[path]
    body = {name: value for name, value in whole.items() if name != field}
    with pytest.raises(MissingParameter) as caught:
        post(path, body)
    assert caught.value.param == field


def test_null_is_absent() -> None:
    fields = ("n", "stream", "stream_options", "max_tokens", "tools", "response_format")
    assert post(CHAT, HELLO | dict.fromkeys(fields)) == post(CHAT, HELLO)


def test_model_that_is_not_a_name_is_unknown() -> None:
    with pytest.raises(ModelNotFound):
        post(CHAT, HELLO | {"model": ["llmwrap-demo-chat"]})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"n": NaN}', b"\xff"])
def test_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        answer("POST", CHAT, body)


@pytest.mark.parametrize("path", ["/", "/models", "/v1/chat", "/v1/models/gpt-4o"])
def test_unknown_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        answer("GET", path, b"")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", CHAT, "POST"), ("POST", "/v1/models", "GET")],
)
def test_other_method_is_answered_with_the_accepted_one(
    method: str, path: str, allowed: str
) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        answer(method, path, b"{}")
    assert ("Allow", allowed) in caught.value.answer_headers()


def test_query_is_not_part_of_the_path() -> None:
    assert answer("GET", "/v1/models?limit=1", b"") == answer("GET", "/v1/models", b"")


def test_schema_without_an_instance_is_refused() -> None:
    endless = {"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]}
    response_format = {"type": "json_schema", "json_schema": {"schema": endless}}
    with pytest.raises(GatewayError) as caught:
        post(CHAT, HELLO | {"response_format": response_format})
    assert caught.value.status == 400


def test_chat_without_a_user_message_has_nothing_to_echo() -> None:
    system = [{"role": "system", "content": "Be brief."}]
    said = post(CHAT, HELLO | {"messages": system})
    assert said["choices"][0]["message"]["content"].endswith("You wrote: ")


def test_each_kind_has_a_pool_with_its_literal_model() -> None:
    pools = demo_pools("http://127.0.0.1:1/v1")
    assert [(pool.kind, pool.models, pool.default_model) for pool in pools] == [
        ("chat", ("llmwrap-demo-chat",), "llmwrap-demo-chat"),
        ("code", ("llmwrap-demo-code",), "llmwrap-demo-code"),
        ("embed", ("llmwrap-demo-embed",), "llmwrap-demo-embed"),
    ]
    assert {pool.owned_by for pool in pools} == {DEMO_OWNER} == {"llmwrap-demo"}
    assert [pool.upstreams[0].url for pool in pools] == ["http://127.0.0.1:1/v1"] * 3
    assert len({pool.upstreams[0].name for pool in pools}) == 3
