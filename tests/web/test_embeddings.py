"""Embeddings, passed through; vectors leave in the form that was asked for (C51-C54, C56)."""

import base64
import struct
from typing import Any

import pytest

from tests.fakes import json_answer
from tests.web.surface import EMBED, EMBEDDING, Body, Stage, refusal

ROUTE = "/embed/v1/embeddings"
VECTOR = [0.25, -1.0, 3.4028234663852886e38]
PACKED = "AACAPgAAgL///39/"
"""VECTOR as little-endian float32 in base64."""


def body_of(text: object, **fields: Any) -> Body:
    return {"model": EMBED, "input": text, **fields}


def rows(*vectors: object) -> Body:
    return {
        "object": "list",
        "model": EMBED,
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }


def answer_with(stage: Stage, *vectors: object) -> None:
    stage.embed.fake.on("POST", "/v1/embeddings", json_answer(200, rows(*vectors)))


@pytest.mark.parametrize("prefix", EMBEDDING)
@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("Hi", 1),
        (["a", "b", "c"], 3),
        ([1, 2, 3], 1),
        ([[1, 2], [3]], 2),
        (["x"] * 2048, 2048),
    ],
)
def test_every_kind_of_input_gives_vectors_in_order(
    stage: Stage, prefix: str, given: object, count: int
) -> None:
    """C51, C56; acceptance 51."""
    answer = stage.gateway.post(f"{prefix}/embeddings", body_of(given))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "object": "list",
        "model": EMBED,
        "data": [
            {"object": "embedding", "index": index, "embedding": [float(index), 0.5]}
            for index in range(count)
        ],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert stage.embed.request.json() == body_of(given)


@pytest.mark.parametrize(
    "asked", [{}, {"encoding_format": None}, {"encoding_format": "float"}]
)
@pytest.mark.parametrize("told", [VECTOR, PACKED])
def test_floats_are_given_unless_base64_is_asked_for(
    stage: Stage, asked: Body, told: object
) -> None:
    """C52: whatever form the upstream chose."""
    answer_with(stage, told)
    answer = stage.gateway.post(ROUTE, body_of("Hi", **asked))
    assert answer.json()["data"][0]["embedding"] == VECTOR


@pytest.mark.parametrize("told", [VECTOR, PACKED])
def test_base64_is_given_where_it_is_asked_for(stage: Stage, told: object) -> None:
    """C52; acceptance 45."""
    answer_with(stage, told, told)
    answer = stage.gateway.post(ROUTE, body_of(["a", "b"], encoding_format="base64"))
    assert [row["embedding"] for row in answer.json()["data"]] == [PACKED, PACKED]


def test_base64_is_that_of_the_floats(stage: Stage) -> None:
    answer_with(stage, [0.1, 0.2, 0.3])
    answer = stage.gateway.post(ROUTE, body_of("Hi", encoding_format="base64"))
    packed = base64.b64decode(answer.json()["data"][0]["embedding"], validate=True)
    assert struct.unpack("<3f", packed) == pytest.approx((0.1, 0.2, 0.3), abs=1e-6)


def test_other_fields_are_passed_on(stage: Stage) -> None:
    """C54."""
    body = body_of(
        "Hi", dimensions=8, user="u", encoding_format="float", normalize=True
    )
    stage.gateway.post(ROUTE, body)
    assert stage.embed.request.json() == body


def test_refusal_of_the_upstream_is_told_with_its_words(stage: Stage) -> None:
    """C54."""
    told = {"object": "error", "message": "dimensions is not supported", "code": 400}
    stage.embed.fake.on("POST", "/v1/embeddings", json_answer(400, told))
    error = refusal(stage.gateway.post(ROUTE, body_of("Hi", dimensions=8)), 400)
    assert error["message"] == "dimensions is not supported"


def test_usage_is_estimated_where_the_upstream_counts_none(stage: Stage) -> None:
    """C56: about four bytes a token."""
    told = rows(VECTOR)
    del told["usage"]
    stage.embed.fake.on("POST", "/v1/embeddings", json_answer(200, told))
    answer = stage.gateway.post(
        ROUTE, body_of(["12345678", [1, 2]]) | {"input": "12345678"}
    )
    assert answer.json()["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_name_of_the_model_is_the_one_that_was_asked_for(stage: Stage) -> None:
    told = rows(VECTOR) | {"model": "/data/minilm"}
    stage.embed.fake.on("POST", "/v1/embeddings", json_answer(200, told))
    answer = stage.gateway.post(ROUTE, body_of("Hi"))
    assert answer.json() == rows(VECTOR)


@pytest.mark.parametrize(
    "told",
    [
        {"object": "list", "data": [{"index": 0}]},
        {"object": "list", "data": ["x"]},
        {"object": "list"},
        {"embedding": [1.0]},
        rows(["a"]),
        rows("not base64!"),
        [1.0],
    ],
)
def test_answer_without_vectors_is_502(stage: Stage, told: object) -> None:
    stage.embed.fake.on("POST", "/v1/embeddings", json_answer(200, told))
    form = "base64" if told == rows(["a"]) else "float"
    answer = stage.gateway.post(ROUTE, body_of("Hi", encoding_format=form))
    assert refusal(answer, 502)["code"] == "upstream_protocol_error"


def test_vector_that_json_cannot_hold_is_502(stage: Stage) -> None:
    """Node's clients cannot read NaN."""
    raw = b'{"data":[{"embedding":[NaN]}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw)
    stage.embed.fake.on(
        "POST", "/v1/embeddings", [lambda connection: connection.send(head + raw)]
    )
    error = refusal(stage.gateway.post(ROUTE, body_of("Hi")), 502)
    assert error["code"] == "upstream_protocol_error"


def test_packed_vector_that_holds_nan_is_502(stage: Stage) -> None:
    """A NaN in base64 would become null among the floats."""
    packed = base64.b64encode(struct.pack("<2f", 1.0, float("nan"))).decode()
    answer_with(stage, packed)
    error = refusal(stage.gateway.post(ROUTE, body_of("Hi")), 502)
    assert error["code"] == "upstream_protocol_error"


def test_embeddings_are_never_a_stream(stage: Stage) -> None:
    answer = stage.gateway.post(ROUTE, body_of("Hi", stream=True))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
