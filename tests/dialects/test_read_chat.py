"""Which chat requests are taken, and what the others are told."""

from typing import Any

import pytest

from llmwrap.canonical.messages import Request
from tests.dialects.requests import HI, OLDER, USER, read, refusal

REDIRECTING = (
    "api_base",
    "base_url",
    "api_key",
    "extra_headers",
    "organization",
    "custom_llm_provider",
)
EVERY_ROLE = [
    {"role": "developer", "content": "d"},
    {"role": "system", "content": "s"},
    USER,
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
    {"role": "tool", "tool_call_id": "c", "content": "t"},
    {"role": "function", "name": "f", "content": None},
    {"role": "user", "content": [{"type": "text", "text": "a"}]},
    {"role": "user", "content": []},
    {"role": "assistant"},
]


def _with(**fields: Any) -> dict[str, Any]:
    return {**HI, **fields}


@pytest.mark.parametrize(
    "body",
    [
        HI,
        _with(messages=EVERY_ROLE),
        _with(temperature=0, top_p=0, n=1, max_tokens=1, max_completion_tokens=1),
        _with(temperature=2, top_p=1, n=128, max_tokens=10**8, stop=["x"] * 128),
        _with(temperature=1.5, top_p=0.5),
        _with(stream=True, stream_options={"include_usage": True}),
        _with(stream=True, stream_options={}),
        _with(stream=False, tools=[], response_format={}),
        _with(
            temperature=None,
            top_p=None,
            n=None,
            max_tokens=None,
            max_completion_tokens=None,
            stream=None,
            stream_options=None,
            tools=None,
            response_format=None,
        ),
        _with(top_k=1, chat_template_kwargs={"a": [1]}, foo={"bar": None}),
    ],
)
def test_accepted_body_is_kept_as_it_was_sent(body: dict[str, Any]) -> None:
    assert read("chat", body).body == body


def test_request_says_what_was_asked() -> None:
    body = _with(stream=True, stream_options={"include_usage": True})
    assert read("chat", body) == Request(
        "chat", "m", stream=True, body=body, usage_asked=True
    )


@pytest.mark.parametrize(
    ("fields", "stream", "usage_asked"),
    [
        ({}, False, False),
        ({"stream": False}, False, False),
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": 1}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
    ],
)
def test_stream_and_usage_are_asked_for_by_true_alone(
    fields: dict[str, Any], stream: bool, usage_asked: bool
) -> None:
    request = read("chat", _with(**fields))
    assert (request.stream, request.usage_asked) == (stream, usage_asked)


@pytest.mark.parametrize(
    "body", [{"messages": [USER]}, _with(model=None), _with(model="")]
)
def test_model_that_is_not_named_is_empty(body: dict[str, Any]) -> None:
    assert read("chat", body).model == ""


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"model": 7}, "model", "model is 7; accepted: a string"),
        ({"model": ["m"]}, "model", "model is an array; accepted: a string"),
        (
            {"temperature": 2.1},
            "temperature",
            "temperature is 2.1; accepted: a number from 0 to 2",
        ),
        (
            {"temperature": -1},
            "temperature",
            "temperature is -1; accepted: a number from 0 to 2",
        ),
        (
            {"temperature": "1"},
            "temperature",
            "temperature is the string '1'; accepted: a number from 0 to 2",
        ),
        (
            {"temperature": True},
            "temperature",
            "temperature is true; accepted: a number from 0 to 2",
        ),
        ({"top_p": 1.01}, "top_p", "top_p is 1.01; accepted: a number from 0 to 1"),
        ({"n": 0}, "n", "n is 0; accepted: an integer from 1 to 128"),
        ({"n": 129}, "n", "n is 129; accepted: an integer from 1 to 128"),
        ({"n": 1.0}, "n", "n is 1.0; accepted: an integer from 1 to 128"),
        ({"n": True}, "n", "n is true; accepted: an integer from 1 to 128"),
        (
            {"max_tokens": 0},
            "max_tokens",
            "max_tokens is 0; accepted: an integer from 1 to 100000000",
        ),
        (
            {"max_tokens": 10**9},
            "max_tokens",
            "max_tokens is 1000000000; accepted: an integer from 1 to 100000000",
        ),
        (
            {"stop": [1]},
            "stop",
            "stop is an array; accepted: a string, or an array of at most 128 strings",
        ),
        (
            {"stop": 1},
            "stop",
            "stop is 1; accepted: a string, or an array of at most 128 strings",
        ),
        (
            {"stop": ["x"] * 129},
            "stop",
            "stop is an array; accepted: a string, or an array of at most 128 strings",
        ),
        (
            {"max_completion_tokens": -5},
            "max_completion_tokens",
            "max_completion_tokens is -5; accepted: an integer from 1 to 100000000",
        ),
        (
            {"stream": "true"},
            "stream",
            "stream is the string 'true'; accepted: true or false",
        ),
        ({"stream": 1}, "stream", "stream is 1; accepted: true or false"),
        (
            {"stream": True, "stream_options": []},
            "stream_options",
            "stream_options is an empty array; accepted: an object",
        ),
        ({"tools": {}}, "tools", "tools is an object; accepted: an array"),
        (
            {"response_format": "json"},
            "response_format",
            "response_format is the string 'json'; accepted: an object",
        ),
        (
            {"stream_options": {"include_usage": True}},
            "stream_options",
            "stream_options is only accepted with stream: true",
        ),
        (
            {"stream": False, "stream_options": {}},
            "stream_options",
            "stream_options is only accepted with stream: true",
        ),
    ],
)
def test_field_that_does_not_fit_is_named(
    fields: dict[str, Any], param: str, message: str
) -> None:
    error = refusal("chat", _with(**fields))
    assert (error.code, error.param, error.message) == ("invalid_value", param, message)


@pytest.mark.parametrize("name", REDIRECTING)
def test_field_that_would_redirect_the_request_is_refused(name: str) -> None:
    error = refusal("chat", _with(**{name: None}))
    assert (error.code, error.param) == ("unsupported_parameter", name)


@pytest.mark.parametrize(
    "name", ["kv_transfer_params", "ec_transfer_params", "bootstrap_host"]
)
def test_field_that_would_name_a_host_to_the_model_server_is_refused(name: str) -> None:
    error = refusal("chat", _with(**{name: {"remote_host": "169.254.169.254"}}))
    assert (error.code, error.param) == ("unsupported_parameter", name)
    assert read("chat", _with(**{name: None})).model == "m"


ROLES = "assistant, developer, function, system, tool, user"


@pytest.mark.parametrize(
    ("messages", "code", "param", "message"),
    [
        (None, "missing_required_parameter", "messages", "messages is missing"),
        (
            [],
            "invalid_value",
            "messages",
            "messages is an empty array; accepted: a non-empty array of messages",
        ),
        (
            "hi",
            "invalid_value",
            "messages",
            "messages is the string 'hi'; accepted: a non-empty array of messages",
        ),
        (
            ["hi"],
            "invalid_value",
            "messages[0]",
            "messages[0] is the string 'hi'; accepted: an object",
        ),
        (
            [USER, {"content": "x"}],
            "missing_required_parameter",
            "messages[1].role",
            f"messages[1].role is missing; accepted: {ROLES}",
        ),
        (
            [{"role": "boss", "content": "x"}],
            "invalid_value",
            "messages[0].role",
            f"messages[0].role is the string 'boss'; accepted: {ROLES}",
        ),
        (
            [{"role": ["user"], "content": "x"}],
            "invalid_value",
            "messages[0].role",
            f"messages[0].role is an array; accepted: {ROLES}",
        ),
        (
            [{"role": "user", "content": 5}],
            "invalid_value",
            "messages[0].content",
            "messages[0].content is 5; accepted: a string or an array",
        ),
        (
            [{"role": "user", "content": ["x"]}],
            "invalid_value",
            "messages[0].content[0]",
            "messages[0].content[0] is the string 'x'; accepted: an object with a type",
        ),
        (
            [{"role": "user", "content": [{"text": "x"}]}],
            "missing_required_parameter",
            "messages[0].content[0].type",
            "messages[0].content[0].type is missing; accepted: a string",
        ),
    ],
)
def test_message_that_is_none_is_named_by_its_spot(
    messages: Any, code: str, param: str, message: str
) -> None:
    error = refusal("chat", {"model": "m", "messages": messages})
    assert (error.code, error.param, error.message) == (code, param, message)


def test_refusal_does_not_repeat_a_long_value() -> None:
    error = refusal("chat", _with(response_format="secret " * 10))
    assert error.message == "response_format is a string; accepted: an object"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "s"}],
        [{"role": "user", "content": " \n"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "text", "text": " "}]}],
    ],
)
def test_older_documents_refuse_a_chat_without_user_input(messages: list[Any]) -> None:
    error = refusal("chat", _with(messages=messages), OLDER)
    assert (error.param, error.message) == ("messages", "No valid user input provided")


@pytest.mark.parametrize(
    "message",
    [
        USER,
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
            ],
        },
    ],
)
def test_older_documents_take_text_or_image_of_a_user(message: dict[str, Any]) -> None:
    assert read("chat", _with(messages=[message]), OLDER).model == "m"


def test_newer_documents_take_a_chat_without_user_input() -> None:
    body = _with(messages=[{"role": "system", "content": "s"}])
    assert read("chat", body).body == body


def test_defaults_are_those_of_the_service() -> None:
    assert read("chat", HI).defaults == {}
    assert read("chat", HI, OLDER).defaults == {"temperature": 0.7, "top_p": 1.0}
    body = {"model": "m", "prompt": "p"}
    assert read("text_completion", body, OLDER).defaults == {}
