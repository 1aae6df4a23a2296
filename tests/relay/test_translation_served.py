"""Translated answers through both servers: streams, several calls, connections kept."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.fakes import (
    FakeUpstream,
    Recorded,
    Step,
    chat_answer,
    chat_events,
    chunked,
    head,
    json_answer,
    send,
    stream,
)
from tests.fakes.answers import LAST_CHUNK
from tests.gateway import Gateway, serving
from tests.relay.two_dialects import choices_of, chunks_of, done, line, lines_of

USER = {"role": "user", "content": "hi"}


@pytest.fixture(scope="module")
def native() -> Iterator[FakeUpstream]:
    """An Ollama server."""
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def vllm() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, native: FakeUpstream, vllm: FakeUpstream) -> Iterator[Gateway]:
    settings = {
        "pools": [
            {
                "name": "native",
                "kind": "chat",
                "models": ["llama"],
                "upstreams": [
                    {
                        "name": "o1",
                        "url": native.url,
                        "dialect": "ollama",
                        "models": ["llama"],
                        "max_in_flight": 1,
                    }
                ],
            },
            {
                "name": "vllm",
                "kind": "chat",
                "models": ["mistral"],
                "upstreams": [
                    {"name": "v1", "url": f"{vllm.url}/v1", "models": ["mistral"]}
                ],
            },
        ]
    }
    with serving(settings, server=server) as made:
        yield made


def ndjson(*lines: bytes) -> list[Step]:
    """A whole chunked stream of an Ollama server, a write for each line."""
    content = ("Content-Type", "application/x-ndjson")
    start = head(200, content, ("Transfer-Encoding", "chunked"))
    return [send(start), *(send(chunked(each)) for each in lines), send(LAST_CHUNK)]


def by_seed(request: Recorded) -> list[Step]:
    """An answer that says which call it is to."""
    body = request.json()
    said = str(body["options"]["seed"])
    if body["stream"]:
        return ndjson(line({"content": said}), done(prompt_eval_count=3, eval_count=1))
    told = orjson.loads(done(prompt_eval_count=3, eval_count=1))
    told["message"]["content"] = said
    return json_answer(200, told)


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "llama", "messages": [USER], **fields}


def test_openai_client_streams_from_an_ollama_server(
    gateway: Gateway, native: FakeUpstream
) -> None:
    lines = [line({"content": "Hé"}), line({"content": "llo"}), done()]
    native.on("POST", "/api/chat", ndjson(*lines))
    answer = gateway.post("/api/v1/chat/completions", chat(stream=True))
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    told = chunks_of(answer.content)
    assert (
        "".join(
            choice["delta"].get("content", "")
            for each in told
            for choice in each["choices"]
        )
        == "Héllo"
    )
    assert {each["id"][:9] for each in told} == {"chatcmpl-"}
    assert native.journal[-1].json()["stream"] is True


@pytest.mark.parametrize("streaming", [False, True])
def test_several_choices_are_several_calls_in_one_slot(
    gateway: Gateway, native: FakeUpstream, streaming: bool
) -> None:
    native.on("POST", "/api/chat", by_seed)
    asked = len(native.journal)
    answer = gateway.post(
        "/api/v1/chat/completions", chat(n=3, seed=5, stream=streaming)
    )
    if streaming:
        told = [(n, said) for n, said in choices_of(chunks_of(answer.content))]
        texts = [said["content"] for _, said in told if "content" in said]
        assert texts == ["", "5", "", "6", "", "7"]
    else:
        texts = [each["message"]["content"] for each in answer.json()["choices"]]
        assert texts == ["5", "6", "7"]
        assert answer.json()["usage"]["total_tokens"] == 6
    calls = native.journal[asked:]
    assert [call.json()["options"]["seed"] for call in calls] == [5, 6, 7]
    if not streaming:  # the end of a stream's answer is not waited for
        assert len({call.connection for call in calls}) == 1
    line_ = gateway.logged(answer.headers["x-request-id"])
    assert (line_["upstream"], line_["status"]) == ("o1", 200)


def test_ollama_client_streams_from_an_openai_server(
    gateway: Gateway, vllm: FakeUpstream
) -> None:
    vllm.chat(stream(chat_events("Hé", "llo")))
    body = {"model": "mistral", "messages": [USER]}
    answer = gateway.post("/ollama/api/chat", body)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.content.isascii()
    *told, last = lines_of(answer.content)
    assert "".join(each["message"]["content"] for each in told) == "Héllo"
    assert last["done"] is True


def test_ollama_client_gets_a_plain_answer_of_an_openai_server(
    gateway: Gateway, vllm: FakeUpstream
) -> None:
    vllm.chat(chat_answer("Hi"))
    body = {"model": "mistral", "messages": [USER], "stream": False}
    told = gateway.post("/ollama/api/chat", body).json()
    assert (told["message"]["content"], told["done"]) == ("Hi", True)


def test_error_before_the_first_byte_keeps_its_status(
    gateway: Gateway, native: FakeUpstream, vllm: FakeUpstream
) -> None:
    native.on("POST", "/api/chat", json_answer(400, {"error": "bad option"}))
    answer = gateway.post("/api/v1/chat/completions", chat(stream=True))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "bad option"
    vllm.chat(json_answer(400, {"error": {"message": "bad"}}))
    answer = gateway.post("/ollama/api/chat", {"model": "mistral", "messages": [USER]})
    assert (answer.status_code, answer.json()) == (400, {"error": "bad"})


def test_refused_field_of_ours_is_left_out_and_asked_again(
    gateway: Gateway, native: FakeUpstream
) -> None:
    def thoughtless(request: Recorded) -> list[Step]:
        if "think" in request.json():
            return json_answer(400, {"error": '"llama" does not support thinking'})
        return ndjson(line({"content": "Hi"}), done())

    native.on("POST", "/api/chat", thoughtless)
    asked = len(native.journal)
    body = chat(stream=True, reasoning_effort="low")
    answer = gateway.post("/api/v1/chat/completions", body)
    assert answer.status_code == 200
    assert answer.headers["x-llmwrap-attempts"] == "2"
    assert [(n, said) for n, said in choices_of(chunks_of(answer.content))][1] == (
        0,
        {"content": "Hi"},
    )
    assert ["think" in each.json() for each in native.journal[asked:]] == [True, False]


def test_vllm_without_tools_is_told_of_as_ollama_does(
    gateway: Gateway, vllm: FakeUpstream
) -> None:
    told = '"auto" tool choice requires --enable-auto-tool-choice'
    vllm.chat(json_answer(400, {"object": "error", "message": told, "code": 400}))
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = {"model": "mistral", "messages": [USER], "tools": tools}
    answer = gateway.post("/ollama/api/chat", body)
    assert answer.status_code == 400
    assert answer.json() == {"error": "the model does not support tools"}


def test_request_that_cannot_be_translated_reaches_nobody(
    gateway: Gateway, native: FakeUpstream
) -> None:
    asked = len(native.journal)
    answer = gateway.post("/api/v1/chat/completions", chat(logit_bias={"1": 1}))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "logit_bias")
    assert len(native.journal) == asked
