"""Plain answers of OpenAI upstreams as events, and plain answers for OpenAI clients."""

import base64
import struct
from typing import Any

import orjson
import pytest

from llmwrap.canonical.answers import Choice, Stamp, Vectors, WholeAnswer, fold
from llmwrap.canonical.events import TokenLogprob, Usage
from llmwrap.canonical.messages import Operation, Request
from llmwrap.canonical.tasks import ToolCall
from llmwrap.dialects.openai.answers import (
    read_answer,
    read_vectors,
    render_answer,
    render_vectors,
)
from llmwrap.errors import GatewayError, UpstreamError, UpstreamProtocolError

STAMP = Stamp("abc", 1700000000.9)


def request(operation: Operation = "chat", **body: Any) -> Request:
    asks_base64 = body.get("encoding_format") == "base64"
    return Request(operation, "asked", stream=False, body=body, base64=asks_base64)


def told(asked: Request, *choices: Choice, usage: Usage | None = None) -> Any:
    return orjson.loads(render_answer(asked, STAMP, WholeAnswer(choices, usage)))


def test_chat_answer() -> None:
    assert told(request(), Choice(0, "Hi", reason="stop"), usage=Usage(1, 2)) == {
        "id": "chatcmpl-abc",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_tokens_that_nobody_counted_are_none() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert told(request(), Choice(0, "Hi", reason="stop"))["usage"] == usage


def test_answer_is_as_old_as_the_upstream_says() -> None:
    answer = WholeAnswer((Choice(0, "Hi"),), created=1_600_000_000)
    data = orjson.loads(render_answer(request(), STAMP, answer))
    assert data["created"] == 1_600_000_000


CALLS = (ToolCall("c1", "f", '{"a":1}'), ToolCall("", "g", "{}"))


def test_answer_that_only_calls_has_no_content() -> None:
    answer = told(request(), Choice(0, "", "hm", CALLS, reason="stop"))
    (choice,) = answer["choices"]
    made = choice["message"]["tool_calls"][1].pop("id")
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "hm",
        "reasoning": "hm",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a":1}'},
            },
            {"type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    assert len(made) == 9
    assert choice["finish_reason"] == "tool_calls"


def test_client_of_functions_gets_a_function_call() -> None:
    asked = request(functions=[{"name": "f"}])
    (choice,) = told(asked, Choice(0, calls=CALLS, reason="tool_calls"))["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_empty_answer_is_an_empty_string() -> None:
    (choice,) = told(request(), Choice(0, reason="stop"))["choices"]
    assert choice["message"]["content"] == ""


def test_text_completion() -> None:
    probable = (TokenLogprob("a", -0.5), TokenLogprob("b", -1.0))
    choice = Choice(1, "ab", logprobs=probable, reason="length")
    answer = told(request("text_completion"), Choice(0, "x", reason="stop"), choice)
    assert (answer["id"], answer["object"]) == ("cmpl-abc", "text_completion")
    assert answer["choices"][1] == {
        "index": 1,
        "text": "ab",
        "logprobs": {
            "tokens": ["a", "b"],
            "token_logprobs": [-0.5, -1.0],
            "top_logprobs": [{}, {}],
            "text_offset": [0, 1],
        },
        "finish_reason": "length",
    }


def test_events_of_a_plain_answer_are_all_that_it_says() -> None:
    function = {"name": "f", "arguments": "{}"}
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    message = {
        "role": "assistant",
        "content": "a",
        "reasoning": "hm",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    data = {
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": {"content": [token]},
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    assert fold(read_answer(orjson.dumps(data))) == WholeAnswer(
        (
            Choice(
                0,
                "a",
                "hm",
                (ToolCall("c1", "f", "{}"),),
                (TokenLogprob("a", -0.5, (97,)),),
                "tool_calls",
            ),
        ),
        Usage(1, 2),
    )


def test_older_probabilities_without_a_number_are_as_good_as_none() -> None:
    logprobs = {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -1.0],
        "top_logprobs": [None, {"b": -1.0}],
    }
    data = {"choices": [{"index": 0, "text": "ab", "logprobs": logprobs}]}
    (choice,) = fold(read_answer(orjson.dumps(data))).choices
    assert choice.logprobs == (
        TokenLogprob("a", -9999.0),
        TokenLogprob("b", -1.0, None, (TokenLogprob("b", -1.0),)),
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"oops", UpstreamProtocolError),
        (b"[]", UpstreamProtocolError),
        (b"{}", UpstreamProtocolError),
        (b'{"error":{"message":"boom"}}', UpstreamError),
    ],
)
def test_what_is_no_answer_fails(body: bytes, kind: type[GatewayError]) -> None:
    with pytest.raises(GatewayError) as answer:
        read_answer(body)
    with pytest.raises(GatewayError) as vectors:
        read_vectors(body)
    assert type(answer.value) is type(vectors.value) is kind


def packed(*vector: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def test_vectors_come_in_the_order_of_their_index() -> None:
    data = {
        "data": [
            {"index": 1, "embedding": packed(0.5, 2)},
            {"index": 0, "embedding": [1, 0.25]},
        ],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    read = read_vectors(orjson.dumps(data))
    assert [list(row) for row in read.rows] == [[1, 0.25], [0.5, 2.0]]
    assert read.prompt == 7


def test_vectors_without_an_index_keep_their_order() -> None:
    read = read_vectors(b'{"data":[{"embedding":[1.0]},{"embedding":[2.0]}]}')
    assert [list(row) for row in read.rows] == [[1.0], [2.0]]
    assert read.prompt is None


@pytest.mark.parametrize(
    "row", ['{"embedding":null}', '{"embedding":["a"]}', '{"embedding":"!"}', "1"]
)
def test_rows_without_a_vector_fail(row: str) -> None:
    with pytest.raises(UpstreamProtocolError):
        read_vectors(f'{{"data":[{row}]}}'.encode())


NO_NUMBERS = ["[null,1.0]", "[NaN,1.0]", "[1.0,-Infinity]", '"AADAfwAAgD8="']


@pytest.mark.parametrize("row", NO_NUMBERS)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vector_of_no_numbers_is_a_protocol_error(row: str, encoding: str) -> None:
    read = read_vectors(f'{{"data":[{{"embedding":{row}}}]}}'.encode())
    asked = request("embeddings", input="a", encoding_format=encoding)
    with pytest.raises(UpstreamProtocolError, match="with a NaN or infinity"):
        render_vectors(asked, read)


def vectors(asked: Request, *rows: list[float], prompt: int | None = 7) -> Any:
    return orjson.loads(render_vectors(asked, Vectors(rows, prompt)))


def test_vectors_as_floats() -> None:
    assert vectors(request("embeddings", input="a"), [3.0, 4.0], [1.0, 0.0]) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [3.0, 4.0]},
            {"object": "embedding", "index": 1, "embedding": [1.0, 0.0]},
        ],
        "model": "asked",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_vectors_as_base64() -> None:
    asked = request("embeddings", input="a", encoding_format="base64")
    told_ = vectors(asked, [3.0, 4.0])["data"][0]["embedding"]
    assert told_ == packed(3.0, 4.0)


def test_vectors_are_cut_to_the_length_1() -> None:
    asked = request("embeddings", input="a", dimensions=2)
    told_ = vectors(asked, [3.0, 4.0, 12.0])["data"][0]["embedding"]
    assert told_ == pytest.approx([0.6, 0.8])


def test_tokens_of_texts_are_estimated_where_nobody_counted() -> None:
    told_ = vectors(request("embeddings", input="a" * 40), [1.0], prompt=None)
    assert told_["usage"] == {"prompt_tokens": 11, "total_tokens": 11}
