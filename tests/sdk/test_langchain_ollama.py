"""LangChain's own client of Ollama (langchain-ollama 1.1.0), over either kind of upstream."""

import asyncio
from collections.abc import Callable

import httpx
import ollama
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings
from pydantic import BaseModel

from tests.fakes import (
    Recorded,
    Step,
    chat_chunk,
    chat_events,
    done,
    json_answer,
    sse,
    stream,
)
from tests.fakes.native import END, chat_line, ndjson, said_line
from tests.sdk.places import KEY
from tests.sdk.stage import (
    BEARER,
    CHAT,
    EMBED,
    NATIVE,
    NATIVE_EMBED,
    THINKER,
    Stage,
    with_usage,
)

NOTHING_KEPT = {
    "trust_env": False,
    "verify": False,
    "limits": httpx.Limits(max_keepalive_connections=0),
}
"""For clients that nothing public closes."""
ASK = [SystemMessage("Be brief"), HumanMessage("Hi")]

Open = Callable[..., ChatOllama]

each_upstream = pytest.mark.parametrize("model", [CHAT, NATIVE])


@pytest.fixture
def open_chat(stage: Stage) -> Open:
    def make(model: str, **options: object) -> ChatOllama:
        client = {"headers": BEARER, **NOTHING_KEPT}
        url = f"{stage.gateway.url}/ollama"
        options = {"base_url": url, "client_kwargs": client} | options
        return ChatOllama(model=model, validate_model_on_init=True, **options)

    return make


@each_upstream
def test_invoke_counts_its_tokens(open_chat: Open, stage: Stage, model: str) -> None:
    told = open_chat(model, temperature=0, num_predict=9, num_ctx=512).invoke(ASK)
    assert told.content == "Hello"
    prompt = 7 if model == NATIVE else 3
    assert told.usage_metadata == {
        "input_tokens": prompt,
        "output_tokens": 2,
        "total_tokens": prompt + 2,
    }
    assert told.response_metadata["done_reason"] == "stop"
    assert told.response_metadata["model"] == model
    asked = stage.native if model == NATIVE else stage.vllm
    sent = asked.request.json()
    assert [each["content"] for each in sent["messages"]] == ["Be brief", "Hi"]
    if model == NATIVE:
        assert (sent["options"]["num_predict"], sent["options"]["num_ctx"]) == (9, 512)
    else:
        assert (sent["max_tokens"], sent["temperature"]) == (9, 0)


@each_upstream
def test_stream(open_chat: Open, model: str) -> None:
    chunks = list(open_chat(model).stream(ASK))
    assert [chunk.content for chunk in chunks if chunk.content] == ["Hel", "lo"]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.usage_metadata["output_tokens"] == 2
    assert whole.response_metadata["done_reason"] == "stop"


@tool
def get_weather(city: str) -> str:
    """Look the weather up."""
    return f"sun in {city}"


def call_then_answer(request: Recorded) -> list[Step]:
    """A call in pieces, or an answer once its result is there."""
    if request.json()["messages"][-1]["role"] == "tool":
        return with_usage(chat_events("It is sunny"))
    pieces = [
        {
            "index": 0,
            "id": "call_a",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":'},
        },
        {"index": 0, "function": {"arguments": '"Paris"}'}},
    ]
    chunks = [chat_chunk({"tool_calls": [piece]}) for piece in pieces]
    return with_usage([*map(sse, chunks), sse(chat_chunk({}, "tool_calls")), done()])


def native_call_then_answer(request: Recorded) -> list[Step]:
    """The same in Ollama's words."""
    if request.json()["messages"][-1]["role"] == "tool":
        return ndjson([chat_line("It is sunny"), chat_line(**END)])
    call = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    return ndjson([said_line(tool_calls=[call]), chat_line(**END)])


@each_upstream
def test_tool_is_called_and_its_result_told(
    open_chat: Open, stage: Stage, model: str
) -> None:
    stage.vllm.fake.chat(call_then_answer)
    stage.native.fake.on("POST", "/api/chat", native_call_then_answer)
    chat = open_chat(model).bind_tools([get_weather])
    calling = chat.invoke(ASK)
    (call,) = calling.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert chat.invoke([*ASK, calling, result]).content == "It is sunny"
    asked = stage.native if model == NATIVE else stage.vllm
    *_, before, answer = asked.requests[-1].json()["messages"]
    assert answer["content"] == "sun in Paris"
    if model == CHAT:
        assert answer["tool_call_id"] == before["tool_calls"][0]["id"]


def test_reasoning_is_apart(open_chat: Open, stage: Stage) -> None:
    deltas = [{"role": "assistant"}, {"reasoning": "hm"}, {"content": "ok"}]
    events = [*map(sse, map(chat_chunk, deltas)), sse(chat_chunk({}, "stop")), done()]
    stage.vllm.fake.chat(stream(events))
    told = open_chat(THINKER, reasoning=True).invoke(ASK)
    assert told.content == "ok"
    assert told.additional_kwargs["reasoning_content"] == "hm"
    sent = stage.vllm.request.json()
    assert sent["chat_template_kwargs"]["enable_thinking"] is True


class Person(BaseModel):
    """Somebody."""

    name: str


def test_answer_in_the_form_of_a_schema(open_chat: Open, stage: Stage) -> None:
    stage.vllm.fake.chat(with_usage(chat_events('{"name":', '"Ada"}')))
    chat = open_chat(CHAT).with_structured_output(Person, method="json_schema")
    assert chat.invoke(ASK) == Person(name="Ada")
    sent = stage.vllm.request.json()["response_format"]
    assert sent["json_schema"]["schema"]["properties"]["name"]["type"] == "string"


@each_upstream
def test_async_client(open_chat: Open, model: str) -> None:
    async def ask() -> tuple[str, list[str]]:
        chat = open_chat(model)
        told = await chat.ainvoke(ASK)
        texts = [chunk.content async for chunk in chat.astream(ASK)]
        return told.content, [text for text in texts if text]

    assert asyncio.run(ask()) == ("Hello", ["Hel", "lo"])


def test_embeddings(stage: Stage) -> None:
    foreign, own = (
        OllamaEmbeddings(
            model=model,
            base_url=f"{stage.gateway.url}/ollama",
            client_kwargs={"headers": BEARER, **NOTHING_KEPT},
        )
        for model in (EMBED, NATIVE_EMBED)
    )
    first, second = foreign.embed_documents(["a", "b"])
    assert first == pytest.approx([0.0, 1.0])
    assert second == pytest.approx([0.894427, 0.447214], abs=1e-6)
    assert own.embed_query("abc") == [3.0, 0.0]


@pytest.mark.parametrize("login", [f"anybody:{KEY}", f"{KEY}:"])
def test_key_may_be_the_password_of_the_address(
    open_chat: Open, stage: Stage, login: str
) -> None:
    address = stage.gateway.url.replace("//", f"//{login}@")
    chat = open_chat(
        CHAT, base_url=f"{address}/ollama", client_kwargs=dict(NOTHING_KEPT)
    )
    assert chat.invoke(ASK).content == "Hello"


def test_failure_is_raised(open_chat: Open, stage: Stage) -> None:
    chat = open_chat(CHAT)
    stage.vllm.fake.chat(json_answer(500, {"error": {"message": "out of memory"}}))
    with pytest.raises(ollama.ResponseError, match="out of memory") as caught:
        chat.invoke(ASK)
    assert caught.value.status_code == 502


def test_unknown_model_is_noticed_at_once(open_chat: Open) -> None:
    with pytest.raises(ValueError, match="nope"):
        open_chat("nope")
