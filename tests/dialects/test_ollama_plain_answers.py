"""Plain answers for Ollama's clients, whatever dialect the model server speaks."""

import math
from typing import Any

import orjson
import pytest

from llmwrap.canonical.answers import Choice, Took, Vectors, WholeAnswer, fold
from llmwrap.canonical.events import TokenLogprob, Usage
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import ToolCall
from llmwrap.errors import UpstreamProtocolError, UpstreamRefusal
from tests.dialects.ollama import OLLAMA, STAMP, chat, generate, read

TOOK = Took(accepted=0.5, first=1.0, rest=2.0)


def _answer(request: Request, answer: WholeAnswer) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(
        OLLAMA.render_answer(request, STAMP, answer, TOOK)
    )
    return told


def _vectors(request: Request, *rows: list[float], prompt: int | None = None) -> Any:
    vectors = Vectors(rows, prompt)
    return orjson.loads(OLLAMA.render_vectors(request, STAMP, vectors, TOOK))


def _embed(**fields: Any) -> Request:
    return read("embed", {"model": "m", "input": ["a", "b"]} | fields)


def test_chat_is_one_object_with_everything() -> None:  # C11, C53
    tokens = (TokenLogprob("Hi", -0.5),)
    choice = Choice(0, "grün", "hm", (), tokens, "stop")
    answer = WholeAnswer((choice,), Usage(7, 2))
    assert _answer(chat(model="foo"), answer) == {
        "model": "foo",
        "created_at": "2026-01-02T03:04:08.500000Z",
        "message": {"role": "assistant", "content": "grün", "thinking": "hm"},
        "done": True,
        "done_reason": "stop",
        "total_duration": 3_500_000_001,
        "load_duration": 1,
        "prompt_eval_count": 7,
        "eval_count": 2,
        "eval_duration": 3_500_000_000,
        "logprobs": [{"token": "Hi", "logprob": -0.5}],
    }


def test_generation_is_one_object_too() -> None:
    told = _answer(generate(), WholeAnswer((Choice(0, "one", reason="length"),)))
    assert (told["response"], told["done_reason"]) == ("one", "length")
    assert not {"message", "context", "thinking", "eval_count"} & told.keys()


def test_calls_are_objects_with_ids() -> None:
    calls = (ToolCall("a", "f", '{"x":1}'), ToolCall("", "g", ""))
    told = _answer(chat(), WholeAnswer((Choice(0, calls=calls, reason="tool_calls"),)))
    first, second = told["message"]["tool_calls"]
    function = {"index": 0, "name": "f", "arguments": {"x": 1}}
    assert first == {"id": "a", "function": function}
    assert second["function"] == {"index": 1, "name": "g", "arguments": {}}
    assert second["id"].startswith("call_")
    assert (told["message"]["content"], told["done_reason"]) == ("", "stop")


def test_arguments_that_are_no_object_are_an_error() -> None:
    answer = WholeAnswer((Choice(0, calls=(ToolCall("a", "f", "["),)),))
    with pytest.raises(UpstreamProtocolError, match='arguments for "f"'):
        OLLAMA.render_answer(chat(), STAMP, answer, TOOK)


def test_answer_without_choices_is_an_empty_one() -> None:
    told = _answer(chat(), WholeAnswer(()))
    assert told["message"] == {"role": "assistant", "content": ""}
    assert told["done_reason"] == "stop"


def test_answer_is_read_as_it_was_written() -> None:
    calls = (ToolCall("a", "f", '{"x":1}'),)
    likely = TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Yo", -1.5),))
    choice = Choice(0, "Hi", "hm", calls, (likely,), "tool_calls")
    answer = WholeAnswer((choice,), Usage(7, 2), created=1_767_323_048)
    body = OLLAMA.render_answer(chat(), STAMP, answer, TOOK)
    assert fold(OLLAMA.read_answer(body)) == answer


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("keep_alive", "reason"), [("5m", "load"), (0, "unload"), (None, "load")]
)
def test_nothing_asked_is_answered_with_one_object(
    keep_alive: Any, reason: str, stream: bool
) -> None:  # C28, C29
    body = {"model": "FOO:LATEST", "keep_alive": keep_alive, "stream": stream}
    told = {
        "model": "FOO:LATEST",
        "created_at": "2026-01-02T03:04:05.000000Z",
        "done": True,
        "done_reason": reason,
    }
    answer = OLLAMA.render_idle(read("chat", body), STAMP)
    empty = {"role": "assistant", "content": ""}
    assert orjson.loads(answer) == {**told, "message": empty}
    answer = OLLAMA.render_idle(read("generate", body), STAMP)
    assert orjson.loads(answer) == {**told, "response": ""}


def test_embedding_of_nothing_is_no_vector() -> None:  # C35, C37
    answer = OLLAMA.render_idle(_embed(input=[]), STAMP)
    assert orjson.loads(answer) == {"model": "m", "embeddings": []}
    older = read("embeddings", {"model": "m", "prompt": ""})
    assert orjson.loads(OLLAMA.render_idle(older, STAMP)) == {"embedding": []}


def test_vectors_have_unit_length_and_their_order() -> None:  # C35
    assert _vectors(_embed(), [3, 4], [0, 2], prompt=5) == {
        "model": "m",
        "embeddings": [[0.6, 0.8], [0.0, 1.0]],
        "total_duration": 3_500_000_000,
        "load_duration": 500_000_000,
        "prompt_eval_count": 5,
    }


@pytest.mark.parametrize(
    ("dimensions", "told"),
    [(2, [0.6, 0.8]), (0, None), (3, None), (9, None), (-1, None)],
)
def test_vectors_are_cut_to_what_was_asked_for(
    dimensions: int, told: list[float] | None
) -> None:
    whole = [3 / 13, 4 / 13, 12 / 13]
    (row,) = _vectors(_embed(dimensions=dimensions), [3, 4, 12])["embeddings"]
    assert row == pytest.approx(told or whole)
    assert math.hypot(*row) == pytest.approx(1)


def test_vector_of_zeros_stays_one() -> None:
    assert _vectors(_embed(), [0, 0])["embeddings"] == [[0, 0]]


def test_tokens_that_nobody_told_are_left_out() -> None:
    assert "prompt_eval_count" not in _vectors(_embed(), [1.0])


def test_older_vector_is_as_the_model_made_it() -> None:  # C37
    request = read("embeddings", {"model": "m", "prompt": "a"})
    assert _vectors(request, [3.0, 4.0]) == {"embedding": [3.0, 4.0]}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("form", ["embed", "embeddings"])
def test_vector_of_no_numbers_is_refused(form: str, bad: float) -> None:
    request = read(form, {"model": "m", "input": "a", "prompt": "a"})
    with pytest.raises(UpstreamRefusal) as caught:
        OLLAMA.render_vectors(request, STAMP, Vectors(([1.0, bad],)), TOOK)
    assert caught.value.status == 400
    assert caught.value.message == "embedding contains NaN or Inf values"


def test_vectors_of_an_upstream_are_read_in_order() -> None:
    body = b'{"model":"m","embeddings":[[1,0.5],[2,3]],"prompt_eval_count":4}'
    assert OLLAMA.read_vectors(body) == Vectors(([1, 0.5], [2, 3]), 4)
    assert OLLAMA.read_vectors(b'{"embedding":[1]}') == Vectors(([1],), None)
    assert OLLAMA.read_vectors(b'{"embeddings":[]}') == Vectors((), None)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"embeddings":null}',
        b'{"embeddings":[["x"]]}',
        b'{"embeddings":[1]}',
        b'{"embeddings":[[null]]}',
    ],
)
def test_answer_without_vectors_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        OLLAMA.read_vectors(body)
