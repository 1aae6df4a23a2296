"""Which text completions and embeddings are taken, and what the others are told."""

from typing import Any

import pytest

from tests.dialects.requests import read, refusal


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "p"},
        {"prompt": ""},
        {"prompt": None},
        {"prompt": ["a", "b", ""]},
        {"prompt": [1, 2]},
        {"prompt": [[1], [2, 3]]},
        {"prompt": [1] * 2049, "n": 128},
        {"prompt": ["a"] * 2048},
        {"prompt": ["a"] * 16, "n": 128, "best_of": 128},
        {"prompt_embeds": "x"},
        {"prompt": "p", "max_tokens": 0, "echo": True, "logprobs": 5, "suffix": "s"},
        {"prompt": "p", "stream": True, "stream_options": {"include_usage": True}},
    ],
)
def test_prompt_of_each_form_is_taken(fields: dict[str, Any]) -> None:
    body = {"model": "m", **fields}
    assert read("text_completion", body).body == body


@pytest.mark.parametrize(
    ("fields", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "prompt", "prompt is missing"),
        (
            {"prompt": 5},
            "invalid_value",
            "prompt",
            "prompt is 5; accepted: a string, or a non-empty array of strings or tokens",
        ),
        (
            {"prompt": []},
            "invalid_value",
            "prompt",
            "prompt is an empty array; accepted: a string, or a non-empty array of"
            " strings or tokens",
        ),
        (
            {"prompt": [{}]},
            "invalid_value",
            "prompt[0]",
            "prompt[0] is an object; accepted: a string, a token id or an array of"
            " token ids",
        ),
        (
            {"prompt": [True]},
            "invalid_value",
            "prompt[0]",
            "prompt[0] is true; accepted: a string, a token id or an array of token ids",
        ),
        (
            {"prompt": ["a", 1]},
            "invalid_value",
            "prompt[1]",
            "prompt[1] is 1; accepted: the same type as the first item",
        ),
        (
            {"prompt": [1, True]},
            "invalid_value",
            "prompt[1]",
            "prompt[1] is true; accepted: the same type as the first item",
        ),
        (
            {"prompt": [[1], []]},
            "invalid_value",
            "prompt[1]",
            "prompt[1] is an empty array; accepted: a non-empty array of token ids",
        ),
        (
            {"prompt": [["a"]]},
            "invalid_value",
            "prompt[0]",
            "prompt[0] is an array; accepted: a non-empty array of token ids",
        ),
        (
            {"prompt": "p", "max_tokens": -1},
            "invalid_value",
            "max_tokens",
            "max_tokens is -1; accepted: an integer from 0 to 100000000",
        ),
        (
            {"prompt": "p", "best_of": 10**6},
            "invalid_value",
            "best_of",
            "best_of is 1000000; accepted: an integer from 0 to 128",
        ),
        (
            {"prompt": ["a"] * 2049},
            "invalid_value",
            "prompt",
            "prompt has 2049 items; accepted: at most 2048 answers",
        ),
        (
            {"prompt": [[1]] * 17, "n": 128},
            "invalid_value",
            "prompt",
            "prompt has 17 items, each 128 times; accepted: at most 2048 answers",
        ),
        (
            {"prompt": "p", "stream_options": {}},
            "invalid_value",
            "stream_options",
            "stream_options is only accepted with stream: true",
        ),
    ],
)
def test_completion_that_does_not_fit_is_told_why(
    fields: dict[str, Any], code: str, param: str, message: str
) -> None:
    error = refusal("text_completion", {"model": "m", **fields})
    assert (error.code, error.param, error.message) == (code, param, message)


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "text"},
        {"input": ["a", "b"]},
        {"input": ["x"] * 2048},
        {"input": [1, 2, 3]},
        {"input": [[1], [2]]},
        {"messages": [{"role": "user", "content": "hi"}]},
        {"input": "t", "dimensions": 1, "encoding_format": "float", "user": "u"},
        {"input": "t", "dimensions": None, "encoding_format": None},
    ],
)
def test_input_of_each_form_is_taken(fields: dict[str, Any]) -> None:
    body = {"model": "m", **fields}
    assert read("embeddings", body).body == body


@pytest.mark.parametrize(
    ("fields", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "input", "input is missing"),
        ({"input": None}, "missing_required_parameter", "input", "input is missing"),
        (
            {"input": None, "messages": None},
            "missing_required_parameter",
            "input",
            "input is missing",
        ),
        (
            {"messages": ["hi"]},
            "invalid_value",
            "messages[0]",
            "messages[0] is the string 'hi'; accepted: an object",
        ),
        (
            {"input": ""},
            "invalid_value",
            "input",
            "input is the string ''; accepted: a non-empty string, or a non-empty array",
        ),
        (
            {"input": []},
            "invalid_value",
            "input",
            "input is an empty array; accepted: a non-empty string, or a non-empty array",
        ),
        ({"input": ["a", ""]}, "invalid_value", "input", "input[1] is an empty string"),
        (
            {"input": ["x"] * 2049},
            "invalid_value",
            "input",
            "input has 2049 items; accepted: at most 2048",
        ),
        (
            {"input": [1.5]},
            "invalid_value",
            "input[0]",
            "input[0] is 1.5; accepted: a string, a token id or an array of token ids",
        ),
        (
            {"input": "t", "dimensions": 0},
            "invalid_value",
            "dimensions",
            "dimensions is 0; accepted: an integer of at least 1",
        ),
        (
            {"input": "t", "encoding_format": 5},
            "invalid_value",
            "encoding_format",
            "encoding_format is 5; accepted: 'float' or 'base64'",
        ),
        (
            {"input": "t", "stream": True, "stream_options": "x"},
            "invalid_value",
            "stream_options",
            "stream_options is the string 'x'; accepted: an object",
        ),
    ],
)
def test_embeddings_that_do_not_fit_are_told_why(
    fields: dict[str, Any], code: str, param: str, message: str
) -> None:
    error = refusal("embeddings", {"model": "m", **fields})
    assert (error.code, error.param, error.message) == (code, param, message)


@pytest.mark.parametrize(
    ("encoding", "base64"), [(None, False), ("float", False), ("base64", True)]
)
def test_base64_is_asked_for_by_its_name(encoding: str | None, base64: bool) -> None:
    body = {"model": "m", "input": "t", "encoding_format": encoding}
    assert read("embeddings", body).base64 == base64


def test_embeddings_are_never_a_stream() -> None:
    body = {"model": "m", "input": "t", "stream": True}
    assert read("embeddings", body).stream is False
