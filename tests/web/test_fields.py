"""Fields that are judged: 400 with the field's path, and no upstream call (C18, C19, C29, C53)."""

from typing import Any

import pytest

from tests.web.surface import (
    GENERATING,
    POST_ROUTES,
    Stage,
    body_for,
    chat_body,
    refusal,
)

MISSING = object()

CHAT_ROUTE = "/api/v1/chat/completions"
COMPLETION_ROUTE = "/api/v1/completions"
EMBEDDING_ROUTE = "/api/v1/embeddings"

USER = {"role": "user", "content": "Hi"}

CHAT_TABLE: list[tuple[str, Any, str]] = [
    ("messages", MISSING, "messages"),
    ("messages", None, "messages"),
    ("messages", [], "messages"),
    ("messages", {}, "messages"),
    ("messages", "Hi", "messages"),
    ("messages", ["Hi"], "messages[0]"),
    ("messages", [USER, None], "messages[1]"),
    ("messages", [{}], "messages[0].role"),
    ("messages", [{"content": "Hi"}], "messages[0].role"),
    ("messages", [{"role": "robot", "content": "Hi"}], "messages[0].role"),
    ("messages", [{"role": 1, "content": "Hi"}], "messages[0].role"),
    ("messages", [{"role": ["user"], "content": "Hi"}], "messages[0].role"),
    ("messages", [USER, {"role": "user", "content": 1}], "messages[1].content"),
    ("messages", [{"role": "user", "content": {}}], "messages[0].content"),
    ("messages", [{"role": "user", "content": True}], "messages[0].content"),
    ("messages", [{"role": "user", "content": ["Hi"]}], "messages[0].content[0]"),
    ("messages", [{"role": "user", "content": [{}]}], "messages[0].content[0].type"),
    (
        "messages",
        [{"role": "user", "content": [{"type": 1}]}],
        "messages[0].content[0].type",
    ),
    ("max_tokens", 0, "max_tokens"),
    ("max_tokens", -1, "max_tokens"),
    ("max_tokens", 1.5, "max_tokens"),
    ("max_tokens", True, "max_tokens"),
    ("max_tokens", 10**9, "max_tokens"),
    ("max_completion_tokens", 0, "max_completion_tokens"),
    ("max_completion_tokens", "5", "max_completion_tokens"),
    ("tools", {}, "tools"),
    ("response_format", "json", "response_format"),
]

COMPLETION_TABLE: list[tuple[str, Any, str]] = [
    ("prompt", MISSING, "prompt"),
    ("prompt", [], "prompt"),
    ("prompt", {}, "prompt"),
    ("prompt", 1, "prompt"),
    ("prompt", [None], "prompt[0]"),
    ("prompt", [1.5], "prompt[0]"),
    ("prompt", ["a", 1], "prompt[1]"),
    ("prompt", [[1, 2], []], "prompt[1]"),
    ("prompt", [[1, "a"]], "prompt[0]"),
    ("prompt", ["a"] * 2049, "prompt"),
    ("best_of", 10**6, "best_of"),
    ("max_tokens", -1, "max_tokens"),
]

BOTH_TABLE: list[tuple[str, Any, str]] = [
    ("model", 1, "model"),
    ("model", ["x"], "model"),
    ("stream", "true", "stream"),
    ("stream", 1, "stream"),
    ("n", 0, "n"),
    ("n", -1, "n"),
    ("n", 10**6, "n"),
    ("stop", ["x"] * 1000, "stop"),
    ("stop", 1, "stop"),
    ("n", 1.0, "n"),
    ("n", "2", "n"),
    ("n", True, "n"),
    ("temperature", 2.1, "temperature"),
    ("temperature", -0.1, "temperature"),
    ("temperature", "hot", "temperature"),
    ("temperature", True, "temperature"),
    ("temperature", [1], "temperature"),
    ("top_p", 1.1, "top_p"),
    ("top_p", -0.1, "top_p"),
    ("stream_options", {"include_usage": True}, "stream_options"),
    ("stream_options", [], "stream_options"),
]

EMBEDDING_TABLE: list[tuple[str, Any, str]] = [
    ("input", MISSING, "input"),
    ("input", None, "input"),
    ("input", "", "input"),
    ("input", [], "input"),
    ("input", [""], "input"),
    ("input", ["a", ""], "input"),
    ("input", {}, "input"),
    ("input", 1, "input"),
    ("input", [None], "input[0]"),
    ("input", ["a", 1], "input[1]"),
    ("input", [[1], []], "input[1]"),
    ("input", ["x"] * 2049, "input"),
    ("model", 1, "model"),
    ("dimensions", 0, "dimensions"),
    ("dimensions", "8", "dimensions"),
    ("encoding_format", 1, "encoding_format"),
]

TABLE = [
    *((CHAT_ROUTE, *row) for row in CHAT_TABLE + BOTH_TABLE),
    *((COMPLETION_ROUTE, *row) for row in COMPLETION_TABLE + BOTH_TABLE),
    *((EMBEDDING_ROUTE, *row) for row in EMBEDDING_TABLE),
]


@pytest.mark.parametrize(("route", "field", "value", "param"), TABLE)
def test_field_that_does_not_fit_is_400_and_named(
    stage: Stage, route: str, field: str, value: Any, param: str
) -> None:
    body = body_for(route)
    body.pop(field, None)
    if value is not MISSING:
        body[field] = value
    error = refusal(stage.gateway.post(route, body), 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["code"] in ("invalid_value", "missing_required_parameter")
    assert stage.asked == 0


@pytest.mark.parametrize("prefix", GENERATING)
def test_ranges_hold_on_every_prefix(stage: Stage, prefix: str) -> None:
    for fields, param in (
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"stream_options": {}}, "stream_options"),
    ):
        answer = stage.gateway.post(
            f"{prefix}/chat/completions", chat_body(prefix, **fields)
        )
        assert refusal(answer, 400)["param"] == param
    assert stage.asked == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"temperature": 2.0},
        {"top_p": 0},
        {"top_p": 1},
        {"max_tokens": 1},
        {"n": 1},
    ],
)
def test_values_at_the_edge_are_accepted(stage: Stage, fields: dict[str, Any]) -> None:
    assert stage.gateway.post(CHAT_ROUTE, chat_body(**fields)).status_code == 200
    assert stage.chat.request.json().items() >= fields.items()


def test_completion_of_no_tokens_is_accepted(stage: Stage) -> None:
    """`echo` with `max_tokens` 0 asks for the log probabilities of a prompt."""
    body = body_for(COMPLETION_ROUTE, max_tokens=0, echo=True)
    assert stage.gateway.post(COMPLETION_ROUTE, body).status_code == 200
    assert stage.chat.request.json()["max_tokens"] == 0


NULLS = dict.fromkeys(
    [
        "temperature",
        "top_p",
        "n",
        "stream",
        "stream_options",
        "stop",
        "max_tokens",
        "logprobs",
        "seed",
        "max_completion_tokens",
        "tools",
        "tool_choice",
        "response_format",
        "logit_bias",
        "user",
    ]
)


def test_null_is_like_absent(stage: Stage) -> None:
    """C18."""
    answer = stage.gateway.post(CHAT_ROUTE, chat_body(**NULLS))
    assert answer.status_code == 200
    assert answer.json()["object"] == "chat.completion"


@pytest.mark.parametrize(
    "name",
    [
        "api_base",
        "base_url",
        "api_key",
        "extra_headers",
        "organization",
        "custom_llm_provider",
    ],
)
def test_name_that_would_redirect_a_request_is_400(stage: Stage, name: str) -> None:
    for route in POST_ROUTES:
        answer = stage.gateway.post(
            route, body_for(route, **{name: "http://elsewhere"})
        )
        error = refusal(answer, 400)
        assert error["code"] == "unsupported_parameter"
        assert error["param"] == name
    assert stage.asked == 0
