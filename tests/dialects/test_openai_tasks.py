"""What a client of the OpenAI dialect asks, as other dialects can write it."""

import tracemalloc
from typing import Any

import pytest

from llmwrap.canonical.messages import Operation
from llmwrap.canonical.tasks import (
    Audio,
    Chat,
    Embedding,
    Image,
    Message,
    RemoteImage,
    Sampling,
    Task,
    Text,
    TextCompletion,
    Think,
    Tool,
    ToolCall,
)
from llmwrap.dialects.openai.tasks import read_task
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import OLDER_DOCUMENTS, Media
from tests.dialects.requests import HI, read

FORWARD = Media(remote="forward")
WEATHER = {"name": "weather", "parameters": {"type": "object"}}


def task(operation: Operation, body: dict[str, Any]) -> Task:
    return read_task(read(operation, body, media=FORWARD))


def chat(**fields: Any) -> Chat:
    read = task("chat", HI | fields)
    assert isinstance(read, Chat)
    return read


def messages(*sent: dict[str, Any]) -> tuple[Message, ...]:
    return chat(messages=list(sent)).messages


def refused(operation: Operation, body: dict[str, Any]) -> tuple[str | None, str]:
    """(param, message) of the refusal."""
    request = read(operation, body, media=FORWARD)
    with pytest.raises(InvalidRequest) as caught:
        read_task(request)
    assert (caught.value.status, caught.value.fault) == (400, "caller")
    return caught.value.param, caught.value.message


def test_plain_chat_says_nothing_that_was_not_said() -> None:
    assert chat() == Chat((Message("user", (Text("hi"),)),))


def test_roles_of_this_dialect_alone_get_their_common_names() -> None:
    read = messages(
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"role": "function", "name": "f", "content": "7"},
    )
    assert read == (
        Message("system", (Text("be brief"),)),
        Message("assistant", calls=(ToolCall("call00000", "f", '{"a":1}'),)),
        Message("tool", (Text("7"),), call_id="call00000", name="f"),
    )


def test_parts_keep_their_order_and_kind() -> None:
    (read,) = messages(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what"},
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,iV\nBO"},
                },
                {"type": "image_url", "image_url": "https://example.org/a.png"},
                {"type": "input_audio", "input_audio": {"data": "Uk", "format": "wav"}},
            ],
        }
    )
    assert read.parts == (
        Text("what"),
        Image("image/png", "iVBO"),
        RemoteImage("https://example.org/a.png"),
        Audio("wav", "Uk"),
    )


def test_results_carry_the_name_of_their_tool() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    read = messages(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    )
    assert read == (
        Message("assistant", calls=(ToolCall("c1", "f", "{}"),)),
        Message("tool", (Text("42"),), call_id="c1", name="f"),
    )


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_earlier_thoughts_are_read_under_both_names(key: str) -> None:
    (read,) = messages({"role": "assistant", "content": "ok", key: "hm"})
    assert read == Message("assistant", (Text("ok"),), reasoning="hm")


def test_refusal_of_an_assistant_is_what_it_said() -> None:
    (read,) = messages({"role": "assistant", "content": None, "refusal": "no"})
    assert read.text == "no"


@pytest.mark.parametrize("kind", ["image/png", "image/png;a=b", ""])
def test_picture_is_read_whatever_its_data_url_says_beside(kind: str) -> None:
    url = f"data:{kind};base64,AA \r\n\tAA"
    image = {"type": "image_url", "image_url": {"url": url}}
    (read,) = messages({"role": "user", "content": [image]})
    assert read.parts == (Image(kind.partition(";")[0] or "image/jpeg", "AAAA"),)


@pytest.mark.parametrize("url", ["data:{};base64,AAAA", "data:;base64,{}"])
def test_picture_of_nothing_but_marks_takes_no_more_than_its_length(url: str) -> None:
    """Split, each mark took the memory of a text."""
    url = url.format("; a" * 1_000_000)
    image = {"type": "image_url", "image_url": {"url": url}}
    request = read("chat", HI | {"messages": [{"role": "user", "content": [image]}]})
    tracemalloc.start()
    try:
        read_task(request)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(url)


def test_tools_keep_their_schema_and_what_else_was_said_of_them() -> None:
    schema = {"type": "object", "$defs": {"x": {}}, "additionalProperties": False}
    function = {
        "name": "f",
        "description": "d",
        "parameters": schema,
        "strict": True,
    }
    read = chat(tools=[{"type": "function", "function": function}])
    assert read.tools == (Tool("f", "d", schema, {"strict": True}),)
    assert (read.tool_choice, read.tool_wanted) == ("auto", "")


def test_functions_are_tools() -> None:
    read = chat(functions=[WEATHER], function_call={"name": "weather"})
    assert read.tools == (Tool("weather", "", {"type": "object"}),)
    assert (read.tool_choice, read.tool_wanted) == ("required", "weather")


@pytest.mark.parametrize(
    ("told", "choice", "wanted"),
    [
        (None, "auto", ""),
        ("none", "none", ""),
        ("required", "required", ""),
        ({"type": "function", "function": {"name": "weather"}}, "required", "weather"),
    ],
)
def test_choice_of_tools(told: Any, choice: str, wanted: str) -> None:
    read = chat(tools=[{"function": WEATHER}], tool_choice=told)
    assert (read.tool_choice, read.tool_wanted) == (choice, wanted)


def test_allowed_tools_are_the_only_ones() -> None:
    tools = [{"function": WEATHER}, {"function": {"name": "time"}}]
    named = {"type": "function", "function": {"name": "time"}}
    allowed = {"mode": "required", "tools": [named]}
    told = {"type": "allowed_tools", "allowed_tools": allowed}
    read = chat(tools=tools, tool_choice=told)
    assert [tool.name for tool in read.tools] == ["time"]
    assert (read.tool_choice, read.tool_wanted) == ("required", "")


@pytest.mark.parametrize(
    ("told", "form"),
    [
        (None, ""),
        ({"type": "text"}, ""),
        ({"type": "json_object"}, "json"),
        ({"type": "json_object", "schema": {"type": "array"}}, {"type": "array"}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
            {},
        ),
    ],
)
def test_response_format(told: Any, form: Any) -> None:
    assert chat(response_format=told).format == form


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "medium"}, "medium"),
        ({"reasoning_effort": "xhigh"}, "max"),
        ({"reasoning_effort": "ultra"}, "max"),
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"chat_template_kwargs": {"thinking": True}}, True),
        ({"think": True}, True),
        ({"think": "max"}, "max"),
        ({"think": False, "reasoning_effort": "low"}, "low"),
    ],
)
def test_whether_to_think(fields: dict[str, Any], think: Think) -> None:
    assert chat(**fields).think == think


def test_sampling() -> None:
    read = chat(
        max_tokens=9,
        max_completion_tokens=5,
        temperature=0,
        top_p=0.5,
        top_k=7,
        min_p=0.1,
        seed=2**53 + 1,
        stop="X",
        presence_penalty=1,
        frequency_penalty=-1,
        repetition_penalty=1.2,
        logprobs=True,
        top_logprobs=2,
        repeat_last_n=64,
        n_keep=4,
    )
    assert read.sampling == Sampling(
        max_tokens=5,
        temperature=0,
        top_p=0.5,
        top_k=7,
        min_p=0.1,
        seed=2**53 + 1,
        stop=("X",),
        presence_penalty=1,
        frequency_penalty=-1,
        repetition_penalty=1.2,
        top_logprobs=2,
        extra={"repeat_last_n": 64, "num_keep": 4},
    )


@pytest.mark.parametrize(("logprobs", "read"), [(None, None), (False, None), (True, 0)])
def test_probabilities_without_alternatives(logprobs: Any, read: int | None) -> None:
    assert chat(logprobs=logprobs).sampling.top_logprobs == read


def test_defaults_of_the_service_hold_where_the_client_said_nothing() -> None:
    request = read("chat", HI | {"top_p": 0.5}, OLDER_DOCUMENTS)
    read_ = read_task(request)
    assert isinstance(read_, Chat)
    assert (read_.sampling.temperature, read_.sampling.top_p) == (0.7, 0.5)


def test_text_completion() -> None:
    body = {
        "model": "m",
        "prompt": ["a", ""],
        "suffix": "z",
        "n": 2,
        "best_of": 2,
        "logprobs": 3,
        "max_tokens": 4,
        "echo": False,
    }
    assert task("text_completion", body) == TextCompletion(
        ("a", ""), "z", Sampling(max_tokens=4, top_logprobs=3), n=2
    )


@pytest.mark.parametrize(("prompts", "n"), [(128, 1), (1, 128), (2, 64)])
def test_as_many_answers_as_one_prompt_may_have(prompts: int, n: int) -> None:
    read = task("text_completion", {"model": "m", "prompt": ["a"] * prompts, "n": n})
    assert read == TextCompletion(("a",) * prompts, n=n)


def test_no_prompt_is_the_empty_one() -> None:
    read = task("text_completion", {"model": "m", "prompt": None})
    assert read == TextCompletion(("",))


def test_embedding() -> None:
    body = {"model": "m", "input": ["a", "b"], "dimensions": 3}
    assert task("embeddings", body) == Embedding(("a", "b"), 3)
    assert task("embeddings", {"model": "m", "input": "a"}) == Embedding(("a",))


PART = [{"role": "user", "content": [{"type": "file", "file": {}}]}]
BAD_CALL = [
    {
        "role": "assistant",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "[1"}}],
    }
]
NO_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n"}}
NO_IMAGE = [
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "data:image/png,xx"}}],
    }
]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"audio": {"voice": "x", "format": "wav"}}, "audio"),
        ({"messages": PART}, "messages[0].content[0]"),
        ({"messages": NO_IMAGE}, "messages[0].content[0].image_url"),
        ({"messages": BAD_CALL}, "messages[0].tool_calls[0].function.arguments"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"function": {"name": "f"}}}, "tool_choice"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"response_format": NO_SCHEMA}, "response_format.json_schema.schema"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning": {"effort": 1}}, "reasoning.effort"),
        ({"think": 3}, "think"),
        ({"top_k": "7"}, "top_k"),
        ({"min_p": True}, "min_p"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ],
)
def test_chat_that_cannot_be_said_names_its_field(
    fields: dict[str, Any], param: str
) -> None:
    assert refused("chat", HI | fields)[0] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"suffix": 1}, "suffix"),
        ({"prompt": ["a"] * 129}, "prompt"),
        ({"prompt": ["a"] * 2, "n": 65}, "prompt"),
        ({"prompt_embeds": "xx"}, "prompt_embeds"),
    ],
)
def test_completion_that_cannot_be_said_names_its_field(
    fields: dict[str, Any], param: str
) -> None:
    assert (
        refused("text_completion", {"model": "m", "prompt": "a"} | fields)[0] == param
    )


def test_tokens_are_refused_with_the_remedy() -> None:
    told = "token input is not supported by this model; send input as text"
    assert refused("embeddings", {"model": "m", "input": [1]}) == ("input", told)


def test_embedding_of_messages_or_in_an_unknown_form_is_refused() -> None:
    body = {"model": "m", "input": "a", "encoding_format": "hex"}
    assert refused("embeddings", body)[0] == "encoding_format"
    chat_ = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert refused("embeddings", chat_)[0] == "input"
