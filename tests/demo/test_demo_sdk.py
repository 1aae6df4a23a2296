"""The official OpenAI client against the demo upstream."""

import base64
import struct
from datetime import date
from typing import Literal

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

NOTICE_START = "No model is connected to this llmwrap"

WEATHER_TOOL = {
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


def ask(
    client: OpenAI, text: str, **options: object
) -> openai.types.chat.ChatCompletion:
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(
        model="llmwrap-demo-chat", messages=messages, **options
    )


def test_models_are_labelled_as_demo(client: OpenAI) -> None:
    models = client.models.list().data
    assert [(model.id, model.owned_by) for model in models] == [
        ("llmwrap-demo-chat", "llmwrap-demo"),
        ("llmwrap-demo-code", "llmwrap-demo"),
        ("llmwrap-demo-embed", "llmwrap-demo"),
    ]
    assert all(type(model.created) is int for model in models)


def test_chat_says_that_no_model_is_connected_and_echoes_the_prompt(
    client: OpenAI,
) -> None:
    answer = ask(client, "What is  a monad?")
    text = answer.choices[0].message.content
    assert text.startswith(NOTICE_START)
    assert "add a [[pools]] entry to config.toml, or start Ollama or vLLM" in text
    assert text.endswith("You wrote: What is a monad?")
    assert answer.object == "chat.completion"
    assert answer.model == "llmwrap-demo-chat"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 4
    assert answer.usage.completion_tokens == len(text.split())
    assert answer.usage.total_tokens == 4 + len(text.split())


def test_long_prompt_is_echoed_as_an_excerpt(client: OpenAI) -> None:
    text = ask(client, "x" * 1000).choices[0].message.content
    assert text.endswith("You wrote: " + "x" * 160 + "...")


def test_text_parts_are_read_and_images_are_not(client: OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    content = [{"type": "text", "text": "Look:"}, image]
    text = ask(client, content).choices[0].message.content
    assert text.endswith("You wrote: Look:")


def test_same_question_has_the_same_answer(client: OpenAI) -> None:
    assert ask(client, "Hi").model_dump() == ask(client, "Hi").model_dump()


def test_n_choices(client: OpenAI) -> None:
    answer = ask(client, "Hi", n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    text = answer.choices[2].message.content
    assert answer.usage.completion_tokens == 3 * len(text.split())


def test_max_tokens_cuts_the_text(client: OpenAI) -> None:
    answer = ask(client, "Hi", max_tokens=2)
    assert answer.choices[0].message.content == "No model"
    assert answer.choices[0].finish_reason == "length"
    assert ask(client, "Hi", max_completion_tokens=1).usage.completion_tokens == 1


def test_stream_with_usage_folds_to_the_plain_answer(client: OpenAI) -> None:
    plain = ask(client, "Hi").choices[0].message.content
    chunks = list(
        ask(client, "Hi", stream=True, stream_options={"include_usage": True})
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.role for chunk in chunks[1:-1]] == [None] * (
        len(chunks) - 2
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
    assert "".join(texts) == plain
    assert len(texts) > 10
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 1 + len(plain.split())
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}


def test_stream_without_usage_ends_with_the_finish_chunk(client: OpenAI) -> None:
    chunks = list(ask(client, "Hi", stream=True, n=2))
    assert all(chunk.usage is None for chunk in chunks)
    finished = [
        (chunk.choices[0].index, chunk.choices[0].finish_reason)
        for chunk in chunks
        if chunk.choices[0].finish_reason
    ]
    assert finished == [(0, "stop"), (1, "stop")]


def test_required_tool_is_called_with_a_minimal_object(client: OpenAI) -> None:
    answer = ask(client, "Hi", tools=[WEATHER_TOOL], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert call.function.arguments == '{"city":"demo","days":0}'
    assert answer.choices[0].message.content is None
    assert answer.choices[0].finish_reason == "tool_calls"


def test_named_function_is_called_and_finishes_with_stop(client: OpenAI) -> None:
    other = {"type": "function", "function": {"name": "other"}}
    choice = {"type": "function", "function": {"name": "other"}}
    answer = ask(client, "Hi", tools=[WEATHER_TOOL, other], tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "other"
    assert answer.choices[0].message.tool_calls[0].function.arguments == "{}"
    assert answer.choices[0].finish_reason == "stop"


def test_function_is_called_when_the_user_mentions_it(client: OpenAI) -> None:
    answer = ask(client, "use get_weather please", tools=[WEATHER_TOOL])
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


@pytest.mark.parametrize(
    ("text", "choice"), [("how are you?", "auto"), ("use get_weather", "none")]
)
def test_no_tool_is_called_unmentioned_or_forbidden(
    client: OpenAI, text: str, choice: Literal["auto", "none"]
) -> None:
    answer = ask(client, text, tools=[WEATHER_TOOL], tool_choice=choice)
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].message.content.startswith(NOTICE_START)


def test_tool_result_is_answered_by_text(client: OpenAI) -> None:
    question = {"role": "user", "content": "use get_weather"}
    first = client.chat.completions.create(
        model="llmwrap-demo-code", messages=[question], tools=[WEATHER_TOOL]
    )
    call = first.choices[0].message
    result = {
        "role": "tool",
        "tool_call_id": call.tool_calls[0].id,
        "content": "get_weather: sunny",
    }
    second = client.chat.completions.create(
        model="llmwrap-demo-code",
        messages=[question, call, result],
        tools=[WEATHER_TOOL],
    )
    assert second.choices[0].message.tool_calls is None
    assert second.choices[0].finish_reason == "stop"


def test_streamed_tool_call_is_assembled_by_the_client(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="llmwrap-demo-chat",
        messages=[{"role": "user", "content": "Hi"}],
        tools=[WEATHER_TOOL],
        tool_choice="required",
    ) as stream:
        choice = stream.get_final_completion().choices[0]
    call = choice.message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == (
        "get_weather",
        '{"city":"demo","days":0}',
    )
    assert choice.finish_reason == "tool_calls"


class Address(BaseModel):
    street: str
    floor: int | None


class Person(BaseModel):
    name: str
    role: Literal["admin", "user"]
    born: date
    addresses: list[Address]
    home: Address
    mother: "Person | None"


def test_json_schema_is_parsed_by_the_client(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="llmwrap-demo-chat",
        messages=[{"role": "user", "content": "Who?"}],
        response_format=Person,
    )
    assert answer.choices[0].message.parsed == Person(
        name="demo",
        role="admin",
        born=date(2026, 1, 1),
        addresses=[],
        home=Address(street="demo", floor=None),
        mother=None,
    )


def test_json_object_is_an_object(client: OpenAI) -> None:
    answer = ask(client, "Hi", response_format={"type": "json_object"})
    text = answer.choices[0].message.content
    assert text.startswith('{"notice":"No model is connected')


def test_completions_are_ordered_by_prompt(client: OpenAI) -> None:
    answer = client.completions.create(
        model="llmwrap-demo-code", prompt=["def a", "def b"], n=2
    )
    assert answer.object == "text_completion"
    ends = [choice.text.rpartition("You wrote: ")[2] for choice in answer.choices]
    assert ends == ["def a", "def a", "def b", "def b"]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.choices[0].text.startswith(NOTICE_START)
    assert answer.usage.prompt_tokens == 4


def test_streamed_completion_folds_to_the_plain_one(client: OpenAI) -> None:
    model = "llmwrap-demo-chat"
    plain = client.completions.create(model=model, prompt="Hi").choices[0].text
    chunks = list(
        client.completions.create(
            model=model,
            prompt="Hi",
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == plain
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == len(plain.split())


def test_embeddings_in_the_clients_default_encoding(client: OpenAI) -> None:
    answer = client.embeddings.create(
        model="llmwrap-demo-embed", input=["red fox", "blue", "red fox"]
    )
    first, other, same = (item.embedding for item in answer.data)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert len(first) == 384
    assert first == same
    assert first != other
    assert sum(value * value for value in first) == pytest.approx(1, abs=1e-6)
    assert answer.usage.prompt_tokens == 5


def test_base64_is_little_endian_float32_of_the_same_vector(client: OpenAI) -> None:
    options = {"model": "llmwrap-demo-embed", "input": "red fox", "dimensions": 8}
    floats = client.embeddings.create(**options, encoding_format="float")
    encoded = client.embeddings.create(**options, encoding_format="base64")
    vector = floats.data[0].embedding
    assert len(vector) == 8
    raw = base64.b64decode(encoded.data[0].embedding, validate=True)
    assert list(struct.unpack("<8f", raw)) == vector


def test_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="gpt-4o", prompt="Hi")
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert "llmwrap-demo-code" in caught.value.message


def test_bad_value_is_refused_before_the_stream_begins(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "Hi", stream=True, n=0)
    assert caught.value.param == "n"
