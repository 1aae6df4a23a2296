"""What an upstream of the OpenAI dialect is sent for another dialect's client."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.tasks import (
    Audio,
    Chat,
    Embedding,
    Image,
    Message,
    RemoteImage,
    Sampling,
    Target,
    Task,
    Text,
    TextCompletion,
    Think,
    Tool,
    ToolCall,
)
from llmwrap.dialects.openai.calls import render_task
from llmwrap.errors import InvalidRequest

ENGINES = ("", "vllm", "llamacpp", "tgi", "tei", "openai")
USER = Message("user", (Text("hi"),))
HI = {"role": "user", "content": "hi"}


def bodies(task: Task, target: Target | None = None) -> list[dict[str, Any]]:
    calls = render_task(task, target or Target("up"), stream=False)
    return [orjson.loads(call.body) for call in calls]


def body(task: Task, engine: str = "", model: str = "up") -> dict[str, Any]:
    """The only one."""
    (only,) = bodies(task, Target(model, engine))
    return only


def chat(engine: str = "", model: str = "up", **fields: Any) -> dict[str, Any]:
    """What is sent for a chat, but for the model, its messages and `stream`."""
    sent = body(Chat((USER,), **fields), engine, model)
    assert sent.pop("messages") == [HI]
    assert sent.pop("model") == model
    assert sent.pop("stream") is False
    return sent


@pytest.mark.parametrize("engine", ENGINES)
def test_plain_chat_is_sent_as_it_is(engine: str) -> None:
    (call,) = render_task(Chat((USER,)), Target("up", engine), stream=False)
    assert (call.method, call.path) == ("POST", "/chat/completions")
    assert call.headers == (
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
    )
    assert call.body == (
        b'{"model":"up","messages":[{"role":"user","content":"hi"}],"stream":false}'
    )


def test_stream_asks_for_its_usage() -> None:
    (call,) = render_task(Chat((USER,)), Target("up"), stream=True)
    assert ("Accept", "text/event-stream") in call.headers
    sent = orjson.loads(call.body)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}


def test_pictures_and_sound_are_parts_of_their_message() -> None:
    parts = (
        Text("what"),
        Image("image/png", "iVBO"),
        RemoteImage("https://example.org/a"),
        Audio("wav", "Uk"),
    )
    (sent,) = body(Chat((Message("user", parts),)))["messages"]
    assert sent["content"] == [
        {"type": "text", "text": "what"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a"}},
        {"type": "input_audio", "input_audio": {"data": "Uk", "format": "wav"}},
    ]


def test_texts_alone_are_one_string() -> None:
    (sent,) = body(Chat((Message("user", (Text("a"), Text("b"))),)))["messages"]
    assert sent["content"] == "a\nb"


TURN = Message("assistant", (), "hm", (ToolCall("c1", "f", '{"a": 1}'),))
RESULT = Message("tool", (Text("42"),), call_id="c1", name="f")


def test_calls_and_results_are_tied_by_id() -> None:
    asked, answered = body(Chat((TURN, RESULT)))["messages"]
    function = {"name": "f", "arguments": '{"a": 1}'}
    assert asked == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    assert answered == {
        "role": "tool",
        "content": "42",
        "tool_call_id": "c1",
        "name": "f",
    }


def test_strict_server_is_not_sent_earlier_thoughts() -> None:
    asked, _ = body(Chat((TURN, RESULT)), "openai")["messages"]
    assert "reasoning_content" not in asked


def test_tools_are_sent_with_their_schema_untouched() -> None:
    schema = {"type": "object", "$defs": {"x": {}}, "anyOf": [{}]}
    tools = (Tool("f", "d", schema, {"strict": True}), Tool("g"))
    assert chat(tools=tools) == {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "d",
                    "parameters": schema,
                    "strict": True,
                },
            },
            {
                "type": "function",
                "function": {
                    "name": "g",
                    "parameters": {"type": "object", "properties": {}},
                },
            },
        ]
    }


@pytest.mark.parametrize(
    ("choice", "wanted", "sent"),
    [
        ("none", "", "none"),
        ("required", "", "required"),
        ("required", "f", {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_choice_of_tools_is_sent(choice: str, wanted: str, sent: Any) -> None:
    told = chat(tools=(Tool("f"),), tool_choice=choice, tool_wanted=wanted)
    assert told["tool_choice"] == sent


def test_without_tools_nothing_is_said_of_them() -> None:
    assert chat(tools=(), tool_choice="none") == {}


def test_format() -> None:
    schema = {"type": "object", "properties": {"a": {}}}
    named = {"name": "schema", "schema": schema}
    assert chat(format="json") == {"response_format": {"type": "json_object"}}
    assert chat(format=schema) == {
        "response_format": {"type": "json_schema", "json_schema": named}
    }
    assert chat(format={})["response_format"]["json_schema"]["schema"] == {}


def test_tgi_knows_json_by_a_schema_only() -> None:
    named = {"name": "schema", "schema": {"type": "object"}}
    assert chat("tgi", format="json") == {
        "response_format": {"type": "json_schema", "json_schema": named}
    }


def switch(*, on: bool) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}


@pytest.mark.parametrize(
    ("engine", "model", "think", "sent"),
    [
        ("", "up", None, {}),
        ("", "up", True, switch(on=True)),
        ("", "up", False, switch(on=False)),
        ("", "up", "low", switch(on=True) | {"reasoning_effort": "low"}),
        ("", "up", "max", switch(on=True) | {"reasoning_effort": "max"}),
        ("", "gpt-oss-20b", False, switch(on=False) | {"reasoning_effort": "low"}),
        ("", "gpt-oss-20b", "max", switch(on=True) | {"reasoning_effort": "high"}),
        ("llamacpp", "up", "max", switch(on=True) | {"reasoning_effort": "high"}),
        ("openai", "up", True, {}),
        ("openai", "up", False, {"reasoning_effort": "none"}),
        ("openai", "up", "max", {"reasoning_effort": "high"}),
        ("tgi", "up", True, {}),
        ("tgi", "up", "high", {}),
    ],
)
def test_whether_to_think_is_said_in_the_words_of_the_engine(
    engine: str, model: str, think: Think, sent: dict[str, Any]
) -> None:
    assert chat(engine, model, think=think) == sent


EVERYTHING = Sampling(
    max_tokens=5,
    temperature=0,
    top_p=1,
    top_k=7,
    min_p=0.1,
    seed=3,
    stop=("X",),
    presence_penalty=0.5,
    frequency_penalty=-0.5,
    repetition_penalty=1.2,
    extra={"repeat_last_n": 64, "num_keep": 4, "num_ctx": 512, "numa": 1},
)
EVERYWHERE = {
    "temperature": 0,
    "seed": 3,
    "stop": ["X"],
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
}


@pytest.mark.parametrize(
    ("engine", "more"),
    [
        (
            "vllm",
            {
                "top_p": 1,
                "top_k": 7,
                "min_p": 0.1,
                "repetition_penalty": 1.2,
                "max_tokens": 5,
            },
        ),
        (
            "llamacpp",
            {
                "top_p": 1,
                "top_k": 7,
                "min_p": 0.1,
                "repeat_penalty": 1.2,
                "max_tokens": 5,
                "repeat_last_n": 64,
                "n_keep": 4,
            },
        ),
        ("tgi", {"repetition_penalty": 1.2, "max_tokens": 5}),
        ("openai", {"top_p": 1, "max_completion_tokens": 5}),
    ],
)
def test_options_are_those_that_the_engine_knows(
    engine: str, more: dict[str, Any]
) -> None:
    assert chat(engine, sampling=EVERYTHING) == EVERYWHERE | more


def test_probabilities() -> None:
    told = chat(sampling=Sampling(top_logprobs=0))
    assert told == {"logprobs": True, "top_logprobs": 0}
    completion = TextCompletion(("a",), sampling=Sampling(top_logprobs=3))
    assert body(completion)["logprobs"] == 3


BEGUN = (USER, Message("assistant", (Text("Well"),)))


def test_vllm_is_told_to_go_on_with_what_was_begun() -> None:
    sent = body(Chat(BEGUN))
    assert sent["add_generation_prompt"] is False
    assert sent["continue_final_message"] is True


@pytest.mark.parametrize("engine", ["llamacpp", "tgi", "openai"])
def test_others_are_not(engine: str) -> None:
    assert "continue_final_message" not in body(Chat(BEGUN), engine)


def test_raw_prompt_goes_on_word_for_word() -> None:
    task = TextCompletion((" <s>a",), sampling=Sampling(max_tokens=7), n=2)
    (call,) = render_task(task, Target("up"), stream=False)
    assert call.path == "/completions"
    assert orjson.loads(call.body) == {
        "model": "up",
        "prompt": " <s>a",
        "max_tokens": 7,
        "n": 2,
        "stream": False,
    }


@pytest.mark.parametrize(
    ("context", "prompt", "most"),
    [(0, "abc", 4094), (8192, "a" * 3000, 7191), (2048, "ä" * 6000, 256)],
)
def test_length_of_a_raw_answer_is_always_said(
    context: int, prompt: str, most: int
) -> None:
    target = Target("up", context_length=context)
    (sent,) = bodies(TextCompletion((prompt,)), target)
    assert sent["max_tokens"] == most


def test_llamacpp_answers_to_the_end_by_itself() -> None:
    assert "max_tokens" not in body(TextCompletion(("a",)), "llamacpp")


def test_several_prompts_are_one_call_where_the_server_takes_lists() -> None:
    task = TextCompletion(("a", "b"))
    assert [each["prompt"] for each in bodies(task)] == [["a", "b"]]
    assert [each["prompt"] for each in bodies(task, Target("up", "tgi"))] == ["a", "b"]


def test_gap_is_filled_by_the_template_of_the_pool() -> None:
    target = Target("up", fill_in_middle="<PRE>{prefix}<SUF>{suffix}<MID>")
    task = TextCompletion(("def {suffix}",), "return {prefix}")
    (sent,) = bodies(task, target)
    assert sent["prompt"] == "<PRE>def {suffix}<SUF>return {prefix}<MID>"
    assert "suffix" not in sent


def test_gap_is_filled_by_a_server_that_knows_suffix() -> None:
    sent = body(TextCompletion(("a",), "z"), "openai")
    assert (sent["prompt"], sent["suffix"]) == ("a", "z")


def test_gap_that_nobody_can_fill_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="up does not support insert") as caught:
        bodies(TextCompletion(("a",), "z"))
    assert caught.value.param == "suffix"


def test_texts_are_sent_in_batches() -> None:
    task = Embedding(("a", "b", "c"), dimensions=2)
    calls = render_task(task, Target("up", "tei", embed_batch=2), stream=True)
    assert {call.path for call in calls} == {"/embeddings"}
    assert [orjson.loads(call.body) for call in calls] == [
        {"model": "up", "input": ["a", "b"], "encoding_format": "float"},
        {"model": "up", "input": ["c"], "encoding_format": "float"},
    ]


def test_vllm_may_cut_a_text_that_is_too_long() -> None:
    assert body(Embedding(("a",)))["truncate_prompt_tokens"] == -1
    assert "truncate_prompt_tokens" not in body(Embedding(("a",), truncate=False))
