"""A real engine behind the gateway: mlx-lm 0.32 with the model of `make_model.py`.

Its slips, seen at its socket: HTTP/1.0, comments before the first event, a usage chunk
with the object of a plain answer, a model that is called by its path.
"""

import json

import openai
import pytest
import requests
from openai import OpenAI

from tests.engine.process import Engine
from tests.gateway import Gateway, serving

pytestmark = pytest.mark.integration

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
ASK = [{"role": "user", "content": "hi"}]
USAGE = {"prompt_tokens": 10, "completion_tokens": 27, "total_tokens": 37}
CHAT = {
    "messages": ASK,
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 3,
}


def counted(usage: openai.types.CompletionUsage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in USAGE}


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="alphabet", messages=ASK)
    assert answer.model == "alphabet"
    assert answer.choices[0].message.content == ALPHABET
    assert answer.choices[0].finish_reason == "stop"
    assert counted(answer.usage) == USAGE


def test_chat_is_cut_at_max_tokens(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="alphabet", messages=ASK, max_tokens=5
    )
    assert answer.choices[0].message.content == "abcde"
    assert answer.choices[0].finish_reason == "length"


def test_streamed_chat_with_usage(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="alphabet",
            messages=ASK,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks[:-1]]
    assert [text for text in texts if text] == list(ALPHABET)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert counted(chunks[-1].usage) == USAGE
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {"alphabet"}


def test_streamed_chat_without_usage(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="alphabet", messages=ASK, stream=True)
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(texts) == ALPHABET
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)


def test_completions(client: OpenAI) -> None:
    plain = client.completions.create(model="alphabet", prompt="7", max_tokens=12)
    streamed = client.completions.create(
        model="alphabet", prompt="7", max_tokens=12, stream=True
    )
    assert plain.choices[0].text == "890123456789"
    assert "".join(chunk.choices[0].text for chunk in streamed) == "890123456789"
    assert plain.usage.completion_tokens == 12


def test_models_and_raw_response(client: OpenAI) -> None:
    assert "alphabet" in [model.id for model in client.models.list()]
    assert client.models.retrieve("alphabet").id == "alphabet"
    raw = client.chat.completions.with_raw_response.create(
        model="alphabet", messages=ASK, max_tokens=1
    )
    assert raw.headers["x-llmwrap-upstream"] == "mlx-1"
    assert raw.request_id.startswith("req_")
    assert raw.parse().choices[0].message.content == "a"


def test_engine_sends_what_has_to_be_repaired(engine: Engine) -> None:
    with requests.post(f"{engine.url}/chat/completions", json=CHAT) as answer:
        records = answer.text.split("\n\n")
    assert answer.raw.version == 10
    assert records[0] == ": keepalive 1/1"
    assert json.loads(records[-3].removeprefix("data: "))["object"] == "chat.completion"


def test_client_gets_none_of_it(gateway: Gateway, engine: Engine) -> None:
    answer = gateway.post("/v1/chat/completions", CHAT | {"model": "alphabet"})
    assert answer.raw.version == 11
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    *records, last, rest = answer.text.split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    chunks = [json.loads(record.removeprefix("data: ")) for record in records]
    assert [chunk["object"] for chunk in chunks] == ["chat.completion.chunk"] * 5
    assert [chunk["model"] for chunk in chunks] == ["alphabet"] * 5
    assert chunks[-1]["usage"]["total_tokens"] == 13
    assert engine.model not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/chat/completions", {"messages": ASK, "max_tokens": 1}),
        ("/api/v1/completions", {"prompt": "7", "max_tokens": 1}),
        ("/api/v1/chat/completions", {"messages": ASK, "tool_choice": 7}),
        ("/api/v1/chat/completions", {"messages": ASK, "logit_bias": {"a": 1}}),
    ],
)
def test_answers_and_refusals_do_not_show_the_path(
    gateway: Gateway, engine: Engine, path: str, body: dict[str, object]
) -> None:
    answer = gateway.post(path, body | {"model": "alphabet"})
    assert engine.model not in answer.text
    assert engine.url not in answer.text


def test_refusal_of_the_engine_keeps_its_words(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="logprobs must be of type bool"):
        client.chat.completions.create(model="alphabet", messages=ASK, logprobs=1)


def test_client_that_leaves_ends_the_work_of_the_engine(
    client: OpenAI, gateway: Gateway, engine: Engine
) -> None:
    chunks = client.completions.create(
        model="alphabet", prompt="0", max_tokens=8000, stream=True
    )
    assert next(chunks).choices[0].text == "1"
    chunks.response.close()
    engine.log.wait_for("Broken pipe", "Connection reset")
    line = gateway.logged(chunks.response.headers["x-request-id"])
    assert (line["status"], line["outcome"]) == (200, "client_abort")
    answer = client.completions.create(model="alphabet", prompt="0", max_tokens=2)
    assert answer.choices[0].text == "12"


def test_engine_that_cannot_list_its_models_serves_all_the_same(
    config: str, engine: Engine
) -> None:
    """Without its cache folder mlx-lm begins a 200 for the list and dies in the middle."""
    engine.cache.rmdir()
    try:
        with serving(config) as gateway:
            assert "models_not_listed" in gateway.log()
            answer = gateway.post(
                "/api/v1/chat/completions", {"model": "alphabet", "messages": ASK}
            )
            assert answer.json()["choices"][0]["message"]["content"] == ALPHABET
    finally:
        engine.cache.mkdir()
