"""Ollama's official client for Python (0.6.3): what it asks, and what it makes of the answers.

Contract cases C04, C10-C12, C18, C19, C21, C24, C25, C31-C33, C35, C41, C42, C47, C48, C50.
"""

import asyncio
import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import ollama
import pytest

from tests.fakes import chat_chunk, chat_events, done, sse, stream
from tests.fakes.native import END, chat_line, ndjson
from tests.gateway import Gateway
from tests.sdk.stage import (
    BEARER,
    CHAT,
    CODER,
    EMBED,
    HI,
    NATIVE,
    NATIVE_EMBED,
    THINKER,
    Stage,
)

EVERY_MODEL = {
    f"{name}:latest" for name in (CHAT, THINKER, CODER, EMBED, NATIVE, NATIVE_EMBED)
}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff\xe0" + bytes(8)

ODD = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei\rj🦙é\x00k"
"""What some take for the end of a line, and what needs more than a byte."""


@pytest.fixture(params=["/ollama"])
def client(stage: Stage, request: pytest.FixtureRequest) -> Iterator[ollama.Client]:
    with stage.client(request.param) as client:
        yield client


with_slash_or_without = pytest.mark.parametrize(
    "client", ["/ollama", "/ollama/"], ids=["bare", "slash"], indirect=True
)


@with_slash_or_without
@pytest.mark.parametrize("model", [CHAT, f"{CHAT}:latest", NATIVE])
def test_chat(client: ollama.Client, model: str) -> None:
    told = client.chat(model, HI)
    assert (told.message.role, told.message.content) == ("assistant", "Hello")
    assert (told.done, told.done_reason) == (True, "stop")
    assert told.model == model
    assert told.total_duration > 0
    counts = (told.prompt_eval_count, told.eval_count)
    assert counts == ((7, 2) if model == NATIVE else (3, 2))
    assert datetime.fromisoformat(told.created_at).utcoffset().total_seconds() == 0


@with_slash_or_without
@pytest.mark.parametrize("model", [CHAT, f"{CHAT}:latest", NATIVE])
def test_streamed_chat(client: ollama.Client, model: str) -> None:
    *parts, last = client.chat(model, HI, stream=True)
    assert [part.message.content for part in parts] == ["Hel", "lo"]
    assert {part.done for part in parts} == {False}
    assert {part.model for part in (*parts, last)} == {model}
    assert (last.message.content, last.done_reason) == ("", "stop")
    counts = (last.prompt_eval_count, last.eval_count)
    assert counts == ((7, 2) if model == NATIVE else (3, 2))
    spent = last.load_duration + last.prompt_eval_duration + last.eval_duration
    assert last.total_duration >= spent > 0


@with_slash_or_without
@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_generation(client: ollama.Client, model: str) -> None:
    told = client.generate(model, "Hi")
    assert (told.response, told.done_reason, told.eval_count) == ("Hello", "stop", 2)
    *parts, last = client.generate(model, "Hi", stream=True)
    assert [part.response for part in parts] == ["Hel", "lo"]
    assert (last.response, last.done, last.eval_count) == ("", True, 2)


def test_system_format_and_options_reach_the_model(
    client: ollama.Client, stage: Stage
) -> None:
    options = {"num_predict": 5, "temperature": 0, "top_k": 7, "seed": 3}
    client.generate(
        CHAT,
        "Hi",
        system="Be brief",
        format=SCHEMA,
        options={**options, "stop": ["X"], "repeat_penalty": 1.2, "num_ctx": 512},
        keep_alive="5m",
    )
    sent = stage.vllm.request.json()
    assert sent["messages"] == [{"role": "system", "content": "Be brief"}, *HI]
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (sent["max_tokens"], sent["temperature"], sent["seed"]) == (5, 0, 3)
    assert (sent["top_k"], sent["repetition_penalty"]) == (7, 1.2)
    assert sent["stop"] == ["X"]
    assert sent.keys().isdisjoint({"options", "num_ctx", "keep_alive", "format"})


def test_raw_prompt_and_gap(client: ollama.Client, stage: Stage) -> None:
    assert client.generate(CHAT, "<s>Hel", raw=True).response == " world"
    assert client.generate(CODER, "def f(", suffix=")").response == " world"
    raw, gap = (request.json()["prompt"] for request in stage.vllm.requests)
    assert raw == "<s>Hel"
    assert gap == "<PRE>def f(<SUF>)<MID>"


def test_thoughts_are_apart(client: ollama.Client, stage: Stage) -> None:
    deltas = [{"role": "assistant"}, {"reasoning_content": "hm"}, {"content": "ok"}]
    chunks = [*map(chat_chunk, deltas), chat_chunk({}, "stop")]
    stage.vllm.fake.chat(stream([*map(sse, chunks), done()]))
    thought, said, last = client.chat(THINKER, HI, think=True, stream=True)
    assert (thought.message.thinking, thought.message.content) == ("hm", "")
    assert (said.message.thinking, said.message.content) == (None, "ok")
    assert last.done_reason == "stop"
    sent = stage.vllm.request.json()
    assert sent["chat_template_kwargs"]["enable_thinking"] is True
    thought, said, last = client.generate(THINKER, "Hi", think="high", stream=True)
    assert (thought.thinking, said.response) == ("hm", "ok")
    assert stage.vllm.requests[-1].json()["reasoning_effort"] == "high"


def test_images_in_every_form(
    client: ollama.Client, stage: Stage, tmp_path: Path
) -> None:
    picture = tmp_path / "llama.jpg"
    picture.write_bytes(JPEG)
    images = [PNG, base64.b64encode(PNG).decode(), picture]
    asked = {"role": "user", "content": "What is it?", "images": images}
    assert client.chat(THINKER, [asked]).message.content == "Hello"
    (turn,) = stage.vllm.request.json()["messages"]
    png = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    jpeg = f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    assert turn["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": png}},
        {"type": "image_url", "image_url": {"url": png}},
        {"type": "image_url", "image_url": {"url": jpeg}},
    ]


@with_slash_or_without
def test_vectors(client: ollama.Client) -> None:
    told = client.embed(EMBED, ["a", "b"], dimensions=2)
    first, second = told.embeddings
    assert list(first) == pytest.approx([0.0, 1.0])
    assert list(second) == pytest.approx([0.894427, 0.447214], abs=1e-6)
    assert (told.model, told.prompt_eval_count) == (EMBED, 3)
    assert list(client.embeddings(EMBED, "a").embedding) == [0.0, 0.5]
    native = client.embed(NATIVE_EMBED, ["abc", "d"])
    assert [list(row) for row in native.embeddings] == [[3.0, 0.0], [1.0, 0.0]]
    assert list(client.embeddings(NATIVE_EMBED, "a").embedding) == [3.0, 4.0]


@with_slash_or_without
def test_lists(client: ollama.Client) -> None:
    listed = client.list().models
    assert {model.model for model in listed} == EVERY_MODEL
    assert all(model.details.family for model in listed)
    running = client.ps().models
    assert {model.model for model in running} == EVERY_MODEL
    assert all(
        model.expires_at > model.expires_at.now().astimezone() for model in running
    )
    shown = client.show(THINKER)
    assert shown.capabilities == ["completion", "tools", "thinking", "vision"]
    assert shown.modelinfo["unknown.context_length"] == 8192
    assert client.show(CODER).capabilities == ["completion", "insert"]
    assert client.show(NATIVE).details.quantization_level == "Q4_K_M"


def test_pull_of_a_model_that_is_there(client: ollama.Client, stage: Stage) -> None:
    assert client.pull(CHAT).status == "success"
    told = [step.status for step in client.pull(NATIVE, stream=True)]
    assert told == ["pulling manifest", "success"]
    assert stage.asked == 0


def test_model_is_loaded_and_unloaded(client: ollama.Client, stage: Stage) -> None:
    for model in (CHAT, NATIVE):
        assert client.generate(model).done_reason == "load"
        assert client.chat(model, keep_alive=0).done_reason == "unload"
        (only,) = client.chat(model, stream=True)
        assert (only.done_reason, only.message.content) == ("load", "")
    assert stage.asked == 0


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_text_arrives_whole_whatever_is_in_it(
    client: ollama.Client, stage: Stage, model: str
) -> None:
    if model == CHAT:
        stage.vllm.fake.chat(stream(chat_events(ODD, ODD)))
    else:
        lines = [chat_line(ODD), chat_line(ODD), chat_line(**END)]
        stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    parts = client.chat(model, HI, stream=True)
    assert [part.message.content for part in parts] == [ODD, ODD, ""]


def test_events_in_any_spelling_are_lines(client: ollama.Client, stage: Stage) -> None:
    """As engines send them (see the golden streams): with comments, CR LF, names, no blank."""
    first, second = (chat_chunk({"content": text}) for text in ("Hel", "lo"))
    spelt = [
        b": ping\r\n\r\n",
        b"event: message\r\nid: 1\r\n" + sse(first).replace(b"\n", b"\r\n"),
        b": ping\n\n\n" + sse(second).replace(b"data: ", b"data:"),
        sse(chat_chunk({}, "stop")),
        b"data: [DONE]\r\n\r\n",
    ]
    stage.vllm.fake.chat(stream(spelt))
    body = {"model": CHAT, "messages": HI}
    answer = stage.gateway.post("/ollama/api/chat", body, headers=BEARER)
    assert answer.content.isascii()
    assert b"\r" not in answer.content
    assert b"\n\n" not in answer.content
    parts = client.chat(CHAT, HI, stream=True)
    assert [part.message.content for part in parts] == ["Hel", "lo", ""]


def test_async_client(two_dialects: Gateway, stage: Stage) -> None:
    async def ask() -> tuple[str, list[str], list[str]]:
        url = f"{two_dialects.url}/ollama"
        options = {"headers": BEARER, "trust_env": False, "verify": False}
        async with ollama.AsyncClient(url, **options) as client:
            told = await client.chat(CHAT, HI)
            parts = await client.chat(NATIVE, HI, stream=True)
            texts = [part.message.content async for part in parts]
            listed = await client.list()
        return told.message.content, texts, [model.model for model in listed.models]

    told, texts, listed = asyncio.run(ask())
    assert (told, texts) == ("Hello", ["Hel", "lo", ""])
    assert set(listed) == EVERY_MODEL
