"""Requests that are several calls to an upstream: texts by the batch, in both directions (C36)."""

from collections.abc import Iterator

import pytest

from tests.fakes import FakeUpstream, Recorded, Step, json_answer
from tests.fakes.native import vectors
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.ollama_surface import problem
from tests.web.surface import Body, Watched, refusal

EMBED, NATIVE = "minilm", "nomic"
TEXTS = [str(number) for number in range(100)]


def answer_openai(request: Recorded) -> list[Step]:
    """For each text the vector (the number that it is, 1), the last one first; 2 tokens each."""
    texts = request.json()["input"]
    rows = [
        {"object": "embedding", "index": index, "embedding": [float(text), 1.0]}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 2 * len(texts), "total_tokens": 2 * len(texts)}
    told = {"object": "list", "data": rows[::-1], "model": EMBED, "usage": usage}
    return json_answer(200, told)


def answer_native(request: Recorded) -> list[Step]:
    """The same in Ollama's words."""
    texts = request.json()["input"]
    return vectors([[float(text), 1.0] for text in texts], 2 * len(texts))


@pytest.fixture(scope="module")
def vllm() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def native() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(server: str, vllm: FakeUpstream, native: FakeUpstream) -> Iterator[Gateway]:
    """One pool that embeds 32 texts at once, as it is unless told, and one for 40."""
    foreign = {"url": native.url, "dialect": "ollama", "embed_batch": 40}
    pools = [
        pool_of(EMBED, vllm.url, max_in_flight=1) | {"kind": "embed"},
        pool_of(NATIVE, native.url, max_in_flight=1, **foreign) | {"kind": "embed"},
    ]
    with serving({"pools": pools}, server=server) as made:
        yield made


def batches(watched: Watched) -> list[list[str]]:
    """The texts of every call."""
    return [request.json()["input"] for request in watched.requests]


def test_ollama_client_gets_all_vectors_in_its_order(
    served: Gateway, vllm: FakeUpstream
) -> None:
    vllm.on("POST", "/v1/embeddings", answer_openai)
    watched = Watched.now(vllm)
    headers = {"X-Request-Id": "embed-100"}
    answer = served.post(
        "/ollama/api/embed", {"model": EMBED, "input": TEXTS}, headers=headers
    )
    told = answer.json()
    assert [round(x / y) for x, y in told["embeddings"]] == list(range(100))
    assert told["prompt_eval_count"] == 200
    assert batches(watched) == [TEXTS[:32], TEXTS[32:64], TEXTS[64:96], TEXTS[96:]]
    line = served.logged("embed-100")
    assert (line["status"], line["outcome"], line["upstream"]) == (
        200,
        "ok",
        "minilm-0",
    )


def test_openai_client_gets_all_vectors_in_its_order(
    served: Gateway, native: FakeUpstream
) -> None:
    native.on("POST", "/api/embed", answer_native)
    watched = Watched.now(native)
    body = {"model": NATIVE, "input": TEXTS, "encoding_format": "float"}
    told = served.post("/api/v1/embeddings", body).json()
    assert [row["embedding"] for row in told["data"]] == [
        [float(number), 1.0] for number in range(100)
    ]
    assert [row["index"] for row in told["data"]] == list(range(100))
    assert told["usage"] == {"prompt_tokens": 200, "total_tokens": 200}
    assert batches(watched) == [TEXTS[:40], TEXTS[40:80], TEXTS[80:]]


def test_as_many_as_fit_are_one_call(served: Gateway, vllm: FakeUpstream) -> None:
    vllm.on("POST", "/v1/embeddings", answer_openai)
    watched = Watched.now(vllm)
    body: Body = {"model": EMBED, "input": TEXTS[:32]}
    assert len(served.post("/ollama/api/embed", body).json()["embeddings"]) == 32
    assert batches(watched) == [TEXTS[:32]]


def test_passed_on_request_is_not_split(served: Gateway, native: FakeUpstream) -> None:
    native.on("POST", "/api/embed", answer_native)
    watched = Watched.now(native)
    body: Body = {"model": NATIVE, "input": TEXTS}
    assert len(served.post("/ollama/api/embed", body).json()["embeddings"]) == 100
    assert batches(watched) == [TEXTS]


@pytest.mark.parametrize(("theirs", "ours"), [(400, 400), (500, 502)])
def test_batch_that_fails_fails_the_request(
    served: Gateway, vllm: FakeUpstream, theirs: int, ours: int
) -> None:
    refused = json_answer(theirs, {"error": {"message": "too long"}})
    vllm.on("POST", "/v1/embeddings", answer_openai, then=[refused])
    watched = Watched.now(vllm)
    answer = served.post("/ollama/api/embed", {"model": EMBED, "input": TEXTS})
    assert problem(answer, ours) == "too long"
    assert len(watched.requests) == 2


def test_vectors_that_are_missing_are_an_error(
    served: Gateway, native: FakeUpstream
) -> None:
    native.on("POST", "/api/embed", answer_native, then=[vectors([[1.0, 0.0]], 1)])
    answer = served.post("/api/v1/embeddings", {"model": NATIVE, "input": TEXTS})
    assert refusal(answer, 502)["code"] == "upstream_protocol_error"
