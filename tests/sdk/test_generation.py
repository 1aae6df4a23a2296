"""Chat and completions with the official client, on every prefix that generates."""

import asyncio

import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from tests.fakes import FakeUpstream, chat_chunk, done, sse, stream
from tests.gateway import Gateway
from tests.sdk.places import CHAT, GENERATING, KEY, OpenClient, Place, name_of

USAGE = {"include_usage": True}
ASK = [{"role": "user", "content": "Hello there"}]
ANSWER = (
    "No model is connected to this llmwrap: this text comes from its built-in demo. "
    "To connect one, add a [[pools]] entry to config.toml, or start Ollama or vLLM "
    "on this machine, and start llmwrap again. You wrote: Hello there"
)
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}

each_place = pytest.mark.parametrize("place", GENERATING, ids=name_of)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return "".join(choice.delta.content or "" for choice in choices)


@each_place
def test_chat(open_client: OpenClient, place: Place) -> None:
    answer = open_client(place.prefix).chat.completions.create(
        model=place.model, messages=ASK
    )
    assert answer.object == "chat.completion"
    assert answer.model == place.model
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.to_dict() == {
        "prompt_tokens": 2,
        "completion_tokens": 39,
        "total_tokens": 41,
    }


@each_place
def test_streamed_chat_ends_with_the_usage_that_was_asked_for(
    open_client: OpenClient, place: Place
) -> None:
    chunks = list(
        open_client(place.prefix).chat.completions.create(
            model=place.model, messages=ASK, stream=True, stream_options=USAGE
        )
    )
    assert text_of(chunks) == ANSWER
    assert len(chunks) > 20
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 41)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {place.model}


@each_place
def test_streamed_chat_shows_no_usage_that_was_not_asked_for(
    open_client: OpenClient, place: Place
) -> None:
    chunks = list(
        open_client(place.prefix).chat.completions.create(
            model=place.model, messages=ASK, stream=True
        )
    )
    assert text_of(chunks) == ANSWER
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert [len(chunk.choices) for chunk in chunks] == [1] * len(chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


@each_place
def test_stream_helper_folds_the_stream(open_client: OpenClient, place: Place) -> None:
    with open_client(place.prefix).chat.completions.stream(
        model=place.model, messages=ASK
    ) as events:
        seen = [event.type for event in events]
        completion = events.get_final_completion()
    assert completion.choices[0].message.content == ANSWER
    assert seen.count("content.done") == 1


@each_place
def test_tool_call(open_client: OpenClient, place: Place) -> None:
    answer = open_client(place.prefix).chat.completions.create(
        model=place.model, messages=ASK, tools=[TOOL], tool_choice="required"
    )
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert call.function.arguments == '{"city":"demo","days":0}'
    assert answer.choices[0].finish_reason == "tool_calls"


def tool_delta(index: int, arguments: str, **more: object) -> dict[str, object]:
    return {"index": index, "function": {"arguments": arguments}} | more


def tool_start(index: int, id: str, name: str) -> dict[str, object]:
    function = {"name": name, "arguments": ""}
    return {"index": index, "id": id, "type": "function", "function": function}


TWO_CALLS = (
    [tool_start(0, "call_a", "get_weather"), tool_start(1, "call_b", "get_time")],
    [tool_delta(0, '{"city":'), tool_delta(1, '{"zone"')],
    [tool_delta(1, ':"CET"}')],
    [tool_delta(0, '"Århus"}')],
)


@each_place
def test_parallel_tool_calls_are_assembled_by_the_stream_helper(
    open_client: OpenClient, place: Place, scripted: FakeUpstream
) -> None:
    deltas = [{"role": "assistant", "content": None}]
    deltas += [{"tool_calls": calls} for calls in TWO_CALLS]
    chunks = [*map(chat_chunk, deltas), chat_chunk({}, "tool_calls")]
    scripted.chat(stream([*map(sse, chunks), done()]))
    with open_client(place.prefix).chat.completions.stream(
        model=place.scripted, messages=ASK, tools=[TOOL]
    ) as events:
        choice = events.get_final_completion().choices[0]
    calls = [
        (call.id, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls
    ]
    assert calls == [
        ("call_a", "get_weather", '{"city":"Århus"}'),
        ("call_b", "get_time", '{"zone":"CET"}'),
    ]
    assert choice.finish_reason == "tool_calls"


class Person(BaseModel):
    name: str
    age: int


@each_place
def test_parse_with_a_schema(open_client: OpenClient, place: Place) -> None:
    answer = open_client(place.prefix).chat.completions.parse(
        model=place.model, messages=ASK, response_format=Person
    )
    assert answer.choices[0].message.parsed == Person(name="demo", age=0)


@each_place
def test_completion(open_client: OpenClient, place: Place) -> None:
    answer = open_client(place.prefix).completions.create(
        model=place.model, prompt="Hello there"
    )
    assert answer.object == "text_completion"
    assert answer.model == place.model
    assert answer.choices[0].text == ANSWER
    assert answer.usage.total_tokens == 41


@each_place
def test_streamed_completion(open_client: OpenClient, place: Place) -> None:
    chunks = list(
        open_client(place.prefix).completions.create(
            model=place.model,
            prompt="Hello there",
            stream=True,
            stream_options=USAGE,
        )
    )
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == ANSWER
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 41)


@each_place
def test_raw_response_has_a_request_id_and_the_upstream(
    open_client: OpenClient, place: Place
) -> None:
    chat = open_client(place.prefix).chat.completions
    raw = chat.with_raw_response.create(
        model=place.model,
        messages=ASK,
        extra_headers={"x-request-id": "mine.1-a_B"},
    )
    assert raw.request_id == "mine.1-a_B"
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-llmwrap-upstream"] == place.model
    assert raw.headers["x-llmwrap-attempts"] == "1"
    assert raw.parse().choices[0].message.content == ANSWER


def test_async_client(gateway: Gateway) -> None:
    async def ask() -> tuple[str, str]:
        url = f"{gateway.url}/api/v1"
        async with AsyncOpenAI(base_url=url, api_key=KEY) as client:
            plain = await client.chat.completions.create(model=CHAT, messages=ASK)
            chunks = await client.chat.completions.create(
                model=CHAT, messages=ASK, stream=True
            )
            streamed = [chunk async for chunk in chunks]
        return plain.choices[0].message.content, text_of(streamed)

    assert asyncio.run(ask()) == (ANSWER, ANSWER)
