"""What an Ollama upstream is asked for another dialect's client."""

from typing import Any

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
    Tool,
    ToolCall,
)
from llmwrap.errors import InvalidRequest
from tests.dialects.ollama import OLLAMA, sent

TARGET = Target("m:latest")
USER = Message("user", (Text("hi"),))
F, G = Tool("f", "d", {"type": "object"}, {"strict": True}), Tool("g")


def _bodies(task: Task, target: Target = TARGET) -> list[dict[str, Any]]:
    return list(map(sent, OLLAMA.render_task(task, target, stream=False)))


def _body(task: Task, target: Target = TARGET) -> dict[str, Any]:
    (body,) = _bodies(task, target)
    return body


def _message(message: Message) -> dict[str, Any]:
    (told,) = _body(Chat((message,)))["messages"]
    assert isinstance(told, dict)
    return told


def _refusal(task: Task) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        OLLAMA.render_task(task, TARGET, stream=False)
    return caught.value


def test_chat_says_no_more_than_the_client() -> None:  # C54
    assert _body(Chat((USER,))) == {
        "model": "m:latest",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": False,
    }


@pytest.mark.parametrize(
    ("stream", "accept"), [(True, "application/x-ndjson"), (False, "application/json")]
)
def test_stream_is_always_said(stream: bool, accept: str) -> None:
    for task, path in (
        (Chat((USER,)), "/api/chat"),
        (TextCompletion(("x",)), "/api/generate"),
    ):
        (call,) = OLLAMA.render_task(task, TARGET, stream=stream)
        assert (call.path, sent(call)["stream"]) == (path, stream)
        assert dict(call.headers)["Accept"] == accept


def test_sampling_is_options() -> None:  # C54
    sampling = Sampling(
        max_tokens=5,
        temperature=0,
        top_p=0.5,
        top_k=7,
        min_p=0.1,
        seed=3,
        stop=("X",),
        presence_penalty=0.3,
        frequency_penalty=0.4,
        repetition_penalty=1.2,
        top_logprobs=2,
        extra={"repeat_last_n": 32, "zzz": 1},
    )
    body = _body(Chat((USER,), sampling=sampling))
    assert body["options"] == {
        "num_predict": 5,
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 7,
        "min_p": 0.1,
        "seed": 3,
        "stop": ["X"],
        "presence_penalty": 0.3,
        "frequency_penalty": 0.4,
        "repeat_penalty": 1.2,
        "repeat_last_n": 32,
    }
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)


def test_operator_decides_on_context_and_stay() -> None:
    target = Target("m", context_length=8192, keep_alive="30m")
    for task in (Chat((USER,)), TextCompletion(("x",)), Embedding(("x",))):
        body = _body(task, target)
        assert body["options"] == {"num_ctx": 8192}
        assert body["keep_alive"] == "30m"


@pytest.mark.parametrize("think", [True, False, "low", "max"])
def test_think_is_said_where_it_was(think: Any) -> None:  # C61
    assert _body(Chat((USER,), think=think))["think"] == think
    assert "think" not in _body(Chat((USER,)))


@pytest.mark.parametrize("format_", ["json", {"type": "object"}])
def test_format_is_said_where_it_was(format_: Any) -> None:  # C61
    assert _body(Chat((USER,), format=format_))["format"] == format_
    assert "format" not in _body(Chat((USER,)))


def test_several_answers_are_several_calls() -> None:  # C60
    bodies = _bodies(Chat((USER,), sampling=Sampling(seed=7), n=3))
    assert [body["options"]["seed"] for body in bodies] == [7, 8, 9]
    unseeded = _bodies(Chat((USER,), n=2))
    assert unseeded[0] == unseeded[1]
    assert "options" not in unseeded[0]


def test_tools_keep_their_schemas() -> None:
    body = _body(Chat((USER,), tools=(F, G)))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "d",
                "parameters": {"type": "object"},
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


def test_no_tool_may_be_called_where_none_is_given() -> None:
    assert "tools" not in _body(Chat((USER,), tools=(F,), tool_choice="none"))


def test_only_the_wanted_tool_is_given() -> None:
    wanted = Chat((USER,), tools=(F, G), tool_choice="required", tool_wanted="g")
    assert [tool["function"]["name"] for tool in _body(wanted)["tools"]] == ["g"]
    only = Chat((USER,), tools=(F,), tool_choice="required")
    assert len(_body(only)["tools"]) == 1


@pytest.mark.parametrize(
    "task",
    [
        Chat((USER,), tools=(F, G), tool_choice="required"),
        Chat((USER,), tools=(F,), tool_choice="required", tool_wanted="g"),
    ],
)
def test_choice_that_cannot_be_enforced_is_refused(task: Chat) -> None:
    assert _refusal(task).param == "tool_choice"


def test_images_stand_beside_the_text_of_their_message() -> None:  # C55
    parts = (Text("a"), Image("image/png", "AAAA"), Text("b"), Audio("wav", "BBBB"))
    assert _message(Message("user", parts)) == {
        "role": "user",
        "content": "a\nb",
        "images": ["AAAA", "BBBB"],
    }


def test_address_of_an_image_is_never_sent_on() -> None:  # C55
    task = Chat((Message("user", (RemoteImage("https://x/y.png"),)),))
    assert _refusal(task).status == 400


def test_arguments_are_objects_and_results_name_their_tool() -> None:  # C56
    calls = (ToolCall("a", "f", '{"a":1}'), ToolCall("b", "g", ""))
    asking = Message("assistant", reasoning="hm", calls=calls)
    assert _message(asking) == {
        "role": "assistant",
        "content": "",
        "thinking": "hm",
        "tool_calls": [
            {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
            {"id": "b", "function": {"index": 1, "name": "g", "arguments": {}}},
        ],
    }
    result = Message("tool", (Text("42"),), call_id="a", name="f")
    assert _message(result) == {
        "role": "tool",
        "content": "42",
        "tool_name": "f",
        "tool_call_id": "a",
    }


@pytest.mark.parametrize("arguments", ["{", "[1]", "3"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    calls = (ToolCall("a", "f", arguments),)
    told = _refusal(Chat((Message("assistant", calls=calls),))).message
    assert told.startswith("invalid tool call arguments for 'f'")


@pytest.mark.parametrize(
    ("role", "told"),
    [("developer", "system"), ("function", "tool"), ("user", "user"), ("x", "x")],
)
def test_roles_are_ollamas(role: str, told: str) -> None:
    assert _message(Message(role, (Text("x"),)))["role"] == told


def test_text_is_gone_on_with_as_it_stands() -> None:
    task = TextCompletion(("a", "b"), sampling=Sampling(seed=1, top_logprobs=0), n=2)
    rest = {"model": "m:latest", "stream": False, "raw": True}
    rest |= {"logprobs": True, "top_logprobs": 0}
    assert _bodies(task) == [
        {**rest, "prompt": prompt, "options": {"seed": seed}}
        for prompt in ("a", "b")
        for seed in (1, 2)
    ]


def test_gap_is_filled_by_the_models_template() -> None:
    body = _body(TextCompletion(("a",), suffix="z"))
    assert body == {
        "model": "m:latest",
        "prompt": "a",
        "suffix": "z",
        "stream": False,
    }


def test_empty_prompt_would_load_the_model_only_and_is_refused() -> None:
    assert _refusal(TextCompletion(("",))).param == "prompt"


def test_texts_go_in_batches() -> None:  # C36, C62
    texts = tuple("abcde")
    bodies = _bodies(Embedding(texts, dimensions=2), Target("e", embed_batch=2))
    assert bodies == [
        {"model": "e", "input": batch, "truncate": True, "dimensions": 2}
        for batch in (["a", "b"], ["c", "d"], ["e"])
    ]
    assert _body(Embedding(("",), truncate=False)) == {
        "model": "m:latest",
        "input": [""],
        "truncate": False,
    }
