"""The official OpenAI client over an upstream that speaks Ollama's dialect.

Contract cases C36, C54-C64.
"""

import asyncio
import base64
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.fakes import Recorded, Step, json_answer
from tests.fakes.native import (
    END,
    chat_line,
    generate_line,
    ndjson,
    said_line,
    vectors,
)
from tests.sdk.places import KEY
from tests.sdk.stage import HI, NATIVE, NATIVE_EMBED, Stage

CALL = {"name": "get_weather", "arguments": {"city": "Århus"}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


@pytest.fixture
def client(stage: Stage, at_api: OpenAI) -> OpenAI:
    return at_api


def texts(chunks: list[Any], index: int = 0) -> list[str]:
    """What the deltas of a choice say."""
    choices = [choice for chunk in chunks for choice in chunk.choices]
    deltas = [choice.delta for choice in choices if choice.index == index]
    return [delta.content for delta in deltas if delta.content]


@pytest.mark.parametrize("name", [NATIVE, f"{NATIVE}:latest"])
def test_chat(client: OpenAI, stage: Stage, name: str) -> None:
    told = client.chat.completions.create(model=name, messages=HI)
    assert (told.model, told.object) == (name, "chat.completion")
    assert told.choices[0].message.content == "Hello"
    assert told.choices[0].finish_reason == "stop"
    usage = told.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (
        7,
        2,
        9,
    )
    sent = stage.native.request.json()
    assert (sent["model"], sent["stream"], sent["messages"]) == (NATIVE, False, HI)
    assert "options" not in sent


def test_stream_with_usage_and_without(client: OpenAI) -> None:
    chat = client.chat.completions
    bare = list(chat.create(model=NATIVE, messages=HI, stream=True))
    assert texts(bare) == ["Hel", "lo"]
    assert [chunk.usage for chunk in bare] == [None] * len(bare)
    assert bare[-1].choices[0].finish_reason == "stop"
    usage = {"include_usage": True}
    *told, last = chat.create(
        model=NATIVE, messages=HI, stream=True, stream_options=usage
    )
    assert texts(told) == ["Hel", "lo"]
    assert (last.choices, last.usage.total_tokens) == ([], 9)
    assert {chunk.id for chunk in told} == {last.id}
    assert {chunk.model for chunk in told} == {NATIVE}


def test_fields_become_options(client: OpenAI, stage: Stage) -> None:
    client.chat.completions.create(
        model=NATIVE,
        messages=HI,
        max_tokens=9,
        max_completion_tokens=5,
        stop="X",
        seed=3,
        reasoning_effort="minimal",
        response_format={"type": "json_object"},
    )
    sent = stage.native.request.json()
    assert sent["options"] == {"num_predict": 5, "stop": ["X"], "seed": 3}
    assert (sent["think"], sent["format"]) == ("low", "json")


def test_thoughts_and_a_cut_answer(client: OpenAI, stage: Stage) -> None:
    end = {**END, "done_reason": "length"}
    lines = [said_line(thinking="hm"), chat_line("ok"), chat_line(**end)]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    chunks = list(
        client.chat.completions.create(model=NATIVE, messages=HI, stream=True)
    )
    thoughts = [
        choice.delta.model_extra.get("reasoning_content")
        for chunk in chunks
        for choice in chunk.choices
    ]
    assert [thought for thought in thoughts if thought] == ["hm"]
    assert texts(chunks) == ["ok"]
    assert chunks[-1].choices[0].finish_reason == "length"


def test_calls_are_assembled_by_the_stream_helper(client: OpenAI, stage: Stage) -> None:
    """Each line of Ollama's begins to count its calls at 0."""
    calls = [{"function": CALL}], [{"function": {**CALL, "arguments": {"city": "Rom"}}}]
    lines = [said_line(tool_calls=each) for each in calls]
    stage.native.fake.on("POST", "/api/chat", ndjson([*lines, chat_line(**END)]))
    with client.chat.completions.stream(
        model=NATIVE, messages=HI, tools=[TOOL]
    ) as events:
        choice = events.get_final_completion().choices[0]
    first, second = choice.message.tool_calls
    assert first.function.arguments == '{"city":"Århus"}'
    assert second.function.arguments == '{"city":"Rom"}'
    assert first.id != second.id
    assert choice.finish_reason == "tool_calls"
    assert stage.native.request.json()["tools"][0]["function"]["name"] == "get_weather"


def test_conversation_with_a_tool(client: OpenAI, stage: Stage) -> None:
    calling = json_answer(200, said_line(tool_calls=[{"function": CALL}]) | END)
    answer = json_answer(200, chat_line("It is sunny", **END))
    stage.native.fake.on("POST", "/api/chat", calling, then=[answer])
    chat = client.chat.completions
    asking = chat.create(model=NATIVE, messages=HI, tools=[TOOL]).choices[0].message
    (call,) = asking.tool_calls
    reply = {"role": "tool", "tool_call_id": call.id, "content": "sun"}
    told = chat.create(model=NATIVE, messages=[*HI, asking, reply], tools=[TOOL])
    assert told.choices[0].message.content == "It is sunny"
    _, before, after = stage.native.requests[-1].json()["messages"]
    assert before["tool_calls"][0]["function"]["arguments"] == {"city": "Århus"}
    assert (after["tool_name"], after["tool_call_id"]) == ("get_weather", call.id)
    assert before["tool_calls"][0]["id"] == call.id


def by_seed(request: Recorded) -> list[Step]:
    """An answer that says which call it is to."""
    body = request.json()
    said = f"seed {body['options']['seed']}"
    if body["stream"]:
        return ndjson([chat_line(said), chat_line(**END)])
    return json_answer(200, chat_line(said, **END))


@pytest.mark.parametrize("streaming", [False, True])
def test_several_choices(client: OpenAI, stage: Stage, streaming: bool) -> None:
    stage.native.fake.on("POST", "/api/chat", by_seed)
    ask: dict[str, Any] = {"model": NATIVE, "messages": HI, "n": 2, "seed": 5}
    if streaming:
        options = {"include_usage": True}
        *told, last = client.chat.completions.create(
            **ask, stream=True, stream_options=options
        )
        assert [texts(told, index) for index in (0, 1)] == [["seed 5"], ["seed 6"]]
        usage = last.usage
    else:
        whole = client.chat.completions.create(**ask)
        said = [choice.message.content for choice in whole.choices]
        assert said == ["seed 5", "seed 6"]
        usage = whole.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 4)
    assert len(stage.native.requests) == 2


class Person(BaseModel):
    name: str


def test_parse_with_a_schema(client: OpenAI, stage: Stage) -> None:
    answer = json_answer(200, chat_line('{"name":"Ada"}', **END))
    stage.native.fake.on("POST", "/api/chat", answer)
    told = client.chat.completions.parse(
        model=NATIVE, messages=HI, response_format=Person
    )
    assert told.choices[0].message.parsed == Person(name="Ada")
    form = stage.native.request.json()["format"]
    assert form["properties"]["name"]["type"] == "string"


def test_image_stands_beside_its_text(client: OpenAI, stage: Stage) -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
    url = {"url": f"data:image/png;base64,{picture}"}
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": url},
    ]
    messages = [{"role": "user", "content": parts}]
    client.chat.completions.create(model=NATIVE, messages=messages)
    assert stage.native.request.json()["messages"] == [
        {"role": "user", "content": "What is it?", "images": [picture]}
    ]
    parts[1]["image_url"] = {"url": "https://example.com/cat.png"}
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=NATIVE, messages=messages)
    assert len(stage.native.requests) == 1


def test_text_completion(client: OpenAI, stage: Stage) -> None:
    lines = [generate_line("lo"), generate_line(" you", **END)]
    stage.native.fake.on("POST", "/api/generate", ndjson(lines))
    chunks = client.completions.create(model=NATIVE, prompt="Hel", stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "lo you"
    sent = stage.native.request.json()
    assert (sent["prompt"], sent["raw"], sent["stream"]) == ("Hel", True, True)


def test_vectors_in_both_encodings(client: OpenAI, stage: Stage) -> None:
    """The client asks for base64 unless told otherwise, and decodes it."""
    stage.native.fake.on("POST", "/api/embed", vectors([[0.1, -0.25, 3e-7]], 4))
    create = client.embeddings.create
    packed = create(model=NATIVE_EMBED, input="a")
    floats = create(model=NATIVE_EMBED, input="a", encoding_format="float")
    assert packed.data[0].embedding == pytest.approx([0.1, -0.25, 3e-7], rel=1e-6)
    assert floats.data[0].embedding == [0.1, -0.25, 3e-7]
    assert (packed.model, packed.usage.prompt_tokens) == (NATIVE_EMBED, 4)
    wire = create(model=NATIVE_EMBED, input="a", encoding_format="base64")
    assert len(base64.b64decode(wire.data[0].embedding)) == 12


def test_more_texts_than_an_upstream_takes_at_once(
    client: OpenAI, stage: Stage
) -> None:
    told = client.embeddings.create(
        model=NATIVE_EMBED, input=["a", "bb", "ccc", "dddd", "eeeee"]
    )
    assert [row.embedding[0] for row in told.data] == [1, 2, 3, 4, 5]
    assert [row.index for row in told.data] == [0, 1, 2, 3, 4]
    assert told.usage.prompt_tokens == 5
    batches = [request.json()["input"] for request in stage.native.requests]
    assert batches == [["a", "bb"], ["ccc", "dddd"], ["eeeee"]]


@pytest.mark.parametrize("given", [[[1, 2]], [1, 2], [], ""])
def test_what_cannot_be_embedded_is_refused(
    client: OpenAI, stage: Stage, given: Any
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=NATIVE_EMBED, input=given)
    assert caught.value.param == "input"
    assert stage.asked == 0


def test_models_and_the_paths_below_ollama(stage: Stage) -> None:
    async def ask() -> tuple[list[str], str]:
        url = f"{stage.gateway.url}/ollama/v1"
        async with AsyncOpenAI(base_url=url, api_key=KEY) as client:
            listed = [model.id async for model in client.models.list()]
            name = f"{NATIVE}:latest"
            told = await client.chat.completions.create(model=name, messages=HI)
        return listed, told.choices[0].message.content

    listed, told = asyncio.run(ask())
    assert {f"{NATIVE}:latest", f"{NATIVE_EMBED}:latest"} <= set(listed)
    assert told == "Hello"
