"""Text completions, passed through (C46-C50)."""

import json
from typing import Any

import pytest

from tests.fakes import done, json_answer, sse, stream
from tests.web.surface import (
    ALIAS,
    CHAT,
    CODE,
    GENERATING,
    Body,
    Stage,
    chat_model,
    completion_of,
    payloads,
)

ROUTE = "/api/v1/completions"


def body_of(prompt: object, **fields: Any) -> Body:
    return {"model": CHAT, "prompt": prompt, **fields}


@pytest.mark.parametrize("prefix", GENERATING)
def test_prompt_is_answered_with_a_text_completion(stage: Stage, prefix: str) -> None:
    """C46; acceptance 49."""
    body = {"model": chat_model(prefix), "prompt": "Hello"}
    answer = stage.gateway.post(f"{prefix}/completions", body)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == completion_of(" world") | {"model": chat_model(prefix)}
    upstream = stage.code if prefix == "/code/v1" else stage.chat
    assert upstream.request.path == "/v1/completions"


@pytest.mark.parametrize("prefix", GENERATING)
def test_nothing_is_added_to_a_prompt(stage: Stage, prefix: str) -> None:
    """C46: no `max_tokens`, and no temperature on the older prefixes either."""
    body = {"model": chat_model(prefix), "prompt": "Hello"}
    stage.gateway.post(f"{prefix}/completions", body)
    (request,) = stage.chat.requests + stage.code.requests
    assert request.json() == body


@pytest.mark.parametrize(
    "prompt",
    [
        "Hello",
        "",
        None,
        ["a", "b"],
        ["", "b"],
        [1, 2, 3],
        [[1, 2], [3]],
    ],
)
def test_every_kind_of_prompt_is_passed_on(stage: Stage, prompt: object) -> None:
    """C47, C48."""
    assert stage.gateway.post(ROUTE, body_of(prompt)).status_code == 200
    assert stage.chat.request.json() == body_of(prompt)


def test_choices_of_several_prompts_keep_their_order(stage: Stage) -> None:
    """C47."""
    said = completion_of("a1", "a2", "b1", "b2")
    stage.chat.fake.on("POST", "/v1/completions", json_answer(200, said))
    answer = stage.gateway.post(ROUTE, body_of(["a", "b"], n=2))
    assert answer.json() == said
    assert stage.chat.request.json()["n"] == 2
    assert [choice["index"] for choice in answer.json()["choices"]] == [0, 1, 2, 3]


def test_every_field_is_passed_on(stage: Stage) -> None:
    """C49."""
    body = body_of(
        "Hello",
        suffix="!",
        echo=True,
        logprobs=5,
        best_of=2,
        n=2,
        max_tokens=128,
        temperature=0.5,
        top_p=1,
        stop=["\n"],
        seed=7,
        top_k=40,
        presence_penalty=0.0,
        logit_bias={"1": 2},
        user="u",
    )
    stage.gateway.post(ROUTE, body)
    assert stage.chat.request.body == json.dumps(body, separators=(",", ":")).encode()


def test_log_probabilities_come_back_in_the_older_shape(stage: Stage) -> None:
    """C49: the first one is null under `echo`."""
    said = completion_of("ab")
    said["choices"][0]["logprobs"] = {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -0.5],
        "top_logprobs": [None, {"b": -0.5}],
        "text_offset": [0, 1],
    }
    stage.chat.fake.on("POST", "/v1/completions", json_answer(200, said))
    assert stage.gateway.post(ROUTE, body_of("a", echo=True)).json() == said


def text_chunk(text: str, reason: str | None = None, model: str = CHAT) -> Body:
    choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
    return {
        "id": "cmpl-fake",
        "object": "text_completion",
        "created": 1,
        "model": model,
        "choices": [choice],
    }


@pytest.mark.parametrize("prefix", GENERATING)
def test_stream_of_a_completion(stage: Stage, prefix: str) -> None:
    """C50."""
    model = chat_model(prefix)
    chunks = [text_chunk(" wor", model=model), text_chunk("ld", "stop", model)]
    sent = [*map(sse, chunks), done()]
    for each in (stage.chat, stage.code):
        each.fake.on("POST", "/v1/completions", stream(sent))
    body = {"model": model, "prompt": "Hello", "stream": True}
    answer = stage.gateway.post(f"{prefix}/completions", body)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert "Content-Length" not in answer.headers
    assert answer.content == b"".join(sent)


def test_chunk_of_a_wrong_kind_is_put_right(stage: Stage) -> None:
    """mlx-lm calls the chunks of a completion by another name in places."""
    wrong = text_chunk("a", "stop") | {"object": "chat.completion.chunk"}
    stage.chat.fake.on("POST", "/v1/completions", stream([sse(wrong), done()]))
    answer = stage.gateway.post(ROUTE, body_of("a", stream=True))
    assert payloads(answer.content) == [text_chunk("a", "stop"), "[DONE]"]


def test_alias_is_the_name_in_a_stream(stage: Stage) -> None:
    sent = [sse(text_chunk("a", "stop", "m.gguf")), done()]
    stage.chat.fake.on("POST", "/v1/completions", stream(sent))
    answer = stage.gateway.post(ROUTE, body_of("a", stream=True) | {"model": ALIAS})
    assert payloads(answer.content)[0]["model"] == ALIAS


def test_model_decides_the_upstream(stage: Stage) -> None:
    stage.gateway.post(ROUTE, body_of("a") | {"model": CODE})
    assert stage.code.request.json()["model"] == CODE
    assert stage.asked == 1
