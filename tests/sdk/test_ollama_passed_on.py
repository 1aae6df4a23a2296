"""Ollama's official client over an Ollama server: what is asked and answered goes on as it was."""

from collections.abc import Iterator

import ollama
import pytest

from tests.fakes import json_answer
from tests.fakes.native import (
    END,
    chat_line,
    generate_line,
    ndjson,
    said_line,
)
from tests.sdk.stage import HI, NATIVE, NATIVE_EMBED, Stage

PNG = "iVBORw0KGgoAAAAAAAAAAA=="
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
LOGPROBS = [{"token": "ok", "logprob": -0.5, "top_logprobs": []}]


@pytest.fixture
def client(stage: Stage) -> Iterator[ollama.Client]:
    with stage.client() as client:
        yield client


def test_chat_is_asked_in_the_clients_words(
    client: ollama.Client, stage: Stage
) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
    messages = [
        {"role": "user", "content": "What is it?", "images": [PNG]},
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "tool", "content": "2", "tool_name": "f"},
    ]
    client.chat(
        f"{NATIVE}:latest",
        messages,
        tools=[tool],
        think="high",
        format=SCHEMA,
        options={"num_ctx": 512, "mirostat": 1, "temperature": 0.5},
        keep_alive="5m",
        logprobs=True,
        top_logprobs=2,
    )
    request = stage.native.request
    assert request.path == "/api/chat"
    assert request.header("authorization") is None
    sent = request.json()
    assert sent.pop("tools")[0]["function"]["name"] == "f"
    assert sent == {
        "model": NATIVE,
        "messages": messages,
        "stream": False,
        "think": "high",
        "format": SCHEMA,
        "options": {"num_ctx": 512, "mirostat": 1, "temperature": 0.5},
        "keep_alive": "5m",
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_generation_is_asked_in_the_clients_words(
    client: ollama.Client, stage: Stage
) -> None:
    body = {
        "prompt": "Hel",
        "suffix": "!",
        "system": "Be brief",
        "template": "{{ .Prompt }}",
        "context": [1, 2, 3],
        "images": [PNG],
        "format": "json",
        "options": {"stop": ["X"]},
    }
    client.generate(NATIVE, **body)
    sent = stage.native.request.json()
    assert sent == {"model": NATIVE, "stream": False, **body}


def test_everything_that_is_said_arrives(client: ollama.Client, stage: Stage) -> None:
    call = {
        "id": "call_a",
        "function": {"index": 0, "name": "f", "arguments": {"x": 1}},
    }
    lines = [
        said_line(thinking="hm"),
        chat_line("ok", logprobs=LOGPROBS),
        said_line(tool_calls=[call]),
        chat_line(**END),
    ]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    thought, said, calling, last = client.chat(NATIVE, HI, stream=True)
    assert (thought.message.thinking, said.message.content) == ("hm", "ok")
    assert [(each.token, each.logprob) for each in said.logprobs] == [("ok", -0.5)]
    assert calling.message.tool_calls[0].function.arguments == {"x": 1}
    assert (last.total_duration, last.eval_duration) == (900, 500)


def test_context_of_a_generation_arrives(client: ollama.Client, stage: Stage) -> None:
    last = generate_line("", context=[1, 2, 3], **END)
    stage.native.fake.on("POST", "/api/generate", ndjson([generate_line("ok"), last]))
    *_, told = client.generate(NATIVE, "Hi", stream=True)
    assert list(told.context) == [1, 2, 3]
    stage.native.fake.on("POST", "/api/generate", json_answer(200, last))
    assert list(client.generate(NATIVE, "Hi").context) == [1, 2, 3]


def test_texts_are_embedded_in_one_call(client: ollama.Client, stage: Stage) -> None:
    """How many are too many is for the server to say."""
    told = client.embed(
        NATIVE_EMBED, ["a", "bb", "ccc"], truncate=False, dimensions=2, keep_alive=-1
    )
    assert [row[0] for row in told.embeddings] == [1.0, 2.0, 3.0]
    assert stage.native.request.json() == {
        "model": NATIVE_EMBED,
        "input": ["a", "bb", "ccc"],
        "truncate": False,
        "dimensions": 2,
        "keep_alive": -1,
    }
