"""Vectors leave as the client asked for them, whatever the upstream sent."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.messages import Request
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import UpstreamProtocolError

PACKED = "AACAPwAAAMAAAAA/"
FLOATS = [1.0, -2.0, 0.5]
USAGE = {"prompt_tokens": 2, "total_tokens": 2}


def _pass(data: Any, usage: Any = USAGE, **fields: Any) -> dict[str, Any]:
    body = {"input": "four", **fields}
    base64 = fields.get("encoding_format") == "base64"
    request = Request("embeddings", "m", stream=False, body=body, base64=base64)
    answer = {"object": "list", "model": "m", "data": data, "usage": usage}
    passed: dict[str, Any] = orjson.loads(
        OpenAI().pass_answer(request, orjson.dumps(answer))[0]
    )
    return passed


def _vector(sent: Any, **fields: Any) -> Any:
    return _pass([{"embedding": sent}], **fields)["data"][0]["embedding"]


def test_floats_and_base64_become_what_was_asked_for() -> None:
    assert _vector(FLOATS) == FLOATS
    assert _vector(PACKED) == FLOATS
    assert _vector(PACKED, encoding_format="float") == FLOATS
    assert _vector(PACKED, encoding_format=None) == FLOATS
    assert _vector(FLOATS, encoding_format="base64") == PACKED
    assert _vector(PACKED, encoding_format="base64") == PACKED
    assert _vector([1, -2, 0.5], encoding_format="base64") == PACKED
    assert _vector([], encoding_format="base64") == ""


def test_other_encoding_passes_as_it_came() -> None:
    assert _vector("AAA", encoding_format="bytes") == "AAA"


def test_answer_with_nothing_to_change_leaves_as_it_came() -> None:
    body = (
        b'{ "object":"list", "model":"m", "data":[{"embedding":[0.10]}],'
        b' "usage":{"prompt_tokens":1} }'
    )
    request = Request("embeddings", "m", stream=False, body={"input": "x"})
    assert OpenAI().pass_answer(request, body)[0] == body


def test_rows_keep_their_order_and_other_keys() -> None:
    rows = [
        {"object": "embedding", "index": 1, "embedding": PACKED},
        {"object": "embedding", "index": 0, "embedding": PACKED},
    ]
    assert _pass(rows)["data"] == [
        {"object": "embedding", "index": 1, "embedding": FLOATS},
        {"object": "embedding", "index": 0, "embedding": FLOATS},
    ]


@pytest.mark.parametrize(
    ("texts", "tokens"),
    [
        ("", 1),
        ("abc", 1),
        ("abcd", 2),
        ("éé", 2),
        (["abcd", "efgh"], 4),
        ([1, 2, 3], 3),
        ([[1, 2], [3]], 3),
        (None, 1),
    ],
)
def test_usage_is_estimated_where_the_upstream_counts_none(
    texts: Any, tokens: int
) -> None:
    passed = _pass([], usage=None, input=texts)
    assert passed["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_usage_of_the_upstream_is_kept() -> None:
    assert _pass([{"embedding": PACKED}])["usage"] == USAGE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "the upstream sent an answer without data"),
        ([7], "the upstream's row 0 has no embedding"),
        ([{"embedding": []}, {}], "the upstream's row 1 has no embedding"),
        ([{"embedding": "!"}], "the upstream sent a vector of no base64"),
        ([{"embedding": "é"}], "the upstream sent a vector of no base64"),
        ([{"embedding": "AAAAAAA="}], "the upstream sent a vector of no base64"),
        (
            [{"embedding": "AADAfw=="}],
            "the upstream sent a vector with a NaN or infinity",
        ),
        (
            [{"embedding": "AACAfw=="}],
            "the upstream sent a vector with a NaN or infinity",
        ),
    ],
)
def test_vector_that_cannot_be_read_is_a_protocol_error(
    data: Any, message: str
) -> None:
    with pytest.raises(UpstreamProtocolError) as caught:
        _pass(data)
    assert caught.value.message == message


@pytest.mark.parametrize("row", [b"[null,1.0]", b"[NaN,1.0]", b"[1.0,Infinity]"])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vector_with_a_gap_is_a_protocol_error(row: bytes, encoding: str) -> None:
    body = {"input": "x", "encoding_format": encoding}
    base64 = encoding == "base64"
    request = Request("embeddings", "m", stream=False, body=body, base64=base64)
    answer = b'{"object":"list","model":"m","data":[{"embedding":' + row + b"}]}"
    with pytest.raises(UpstreamProtocolError, match="a vector of no numbers"):
        OpenAI().pass_answer(request, answer)


@pytest.mark.parametrize("vector", [["x"], [None], [[1.0]], [1e39]])
def test_vector_that_cannot_be_packed_is_a_protocol_error(vector: Any) -> None:
    with pytest.raises(UpstreamProtocolError, match="a vector of no numbers"):
        _vector(vector, encoding_format="base64")
