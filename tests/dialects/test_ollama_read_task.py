"""What a request of Ollama's clients means for an upstream of another dialect."""

import base64
from typing import Any

import orjson
import pytest

from llmwrap.canonical.tasks import (
    Audio,
    Chat,
    Embedding,
    Image,
    Message,
    Sampling,
    Text,
    TextCompletion,
    Tool,
    ToolCall,
)
from llmwrap.dialects.base import Model, Offer
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import PoolSettings
from tests.dialects.ollama import OLLAMA, chat, generate, read


def _chat(**fields: Any) -> Chat:
    task = OLLAMA.read_task(chat(**fields))
    assert isinstance(task, Chat)
    return task


def _turns(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return _chat(messages=list(messages)).messages


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _call(name: str, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": {"a": 1}}, **more}


def test_chat_without_more_asks_for_nothing_more() -> None:
    assert _chat() == Chat((Message("user", (Text("hi"),)),))


def test_options_are_sampling() -> None:  # C21
    options = {
        "num_predict": 5,
        "temperature": 0,
        "top_k": 7,
        "top_p": 0.5,
        "min_p": 0.1,
        "repeat_penalty": 1.2,
        "presence_penalty": 0.3,
        "frequency_penalty": 0.4,
        "seed": 3,
        "stop": ["X", ""],
        "repeat_last_n": 32,
        "mirostat": 1,
        "mirostat_tau": "x",
        "num_ctx": 512,
        "num_gpu": 9,
        "zzz": 1,
    }
    assert _chat(options=options).sampling == Sampling(
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
        extra={"repeat_last_n": 32, "mirostat": 1},
    )


@pytest.mark.parametrize(
    "options",
    [{"num_predict": -1}, {"num_predict": -2, "seed": -1}, {"num_predict": 0}, {}],
)
def test_options_below_zero_ask_for_nothing(options: dict[str, Any]) -> None:  # C22
    assert _chat(options=options).sampling == Sampling()


def test_seed_zero_is_a_seed() -> None:
    assert _chat(options={"seed": 0}).sampling.seed == 0


@pytest.mark.parametrize("think", [None, True, False, "low", "max"])
def test_think_is_kept(think: Any) -> None:  # C19
    assert _chat(think=think).think == think


@pytest.mark.parametrize(
    ("given", "told"),
    [("", ""), (None, ""), ("json", "json"), ({"type": "object"}, {"type": "object"})],
)
def test_format_is_kept(given: Any, told: Any) -> None:  # C24
    assert _chat(format=given).format == told


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 3}, 3),
        ({"logprobs": False, "top_logprobs": 3}, None),
        ({"top_logprobs": 3}, None),
    ],
)
def test_alternatives_are_asked_for_with_logprobs(
    fields: dict[str, Any], asked: int | None
) -> None:  # C34
    assert _chat(**fields).sampling.top_logprobs == asked


def test_tools_keep_their_schemas() -> None:  # C52
    schema = {"$defs": {"x": {"anyOf": [{}]}}, "additionalProperties": False}
    function = {"name": "f", "description": "d", "parameters": schema, "strict": True}
    task = _chat(tools=[{"type": "function", "function": function}, {"function": {}}])
    assert task.tools == (Tool("f", "d", schema, {"strict": True}), Tool(""))
    assert _chat(tools=[]).tools == ()


IMAGES = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
    (b"GIF89a..", "image/gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"anything", "image/jpeg"),
    (b"x", "image/jpeg"),
]


@pytest.mark.parametrize(("data", "mime"), IMAGES)
def test_image_is_told_by_its_first_bytes(data: bytes, mime: str) -> None:  # C25
    told = _base64(data)
    (turn,) = _turns({"role": "user", "content": "look", "images": [told]})
    assert turn.parts == (Text("look"), Image(mime, told))


SOUNDS = [
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
    (b"ID3\x04\x00", "mp3"),
    (b"\xff\xfb\x90\x00", "mp3"),
]


@pytest.mark.parametrize(("data", "format_"), SOUNDS)
def test_sound_among_the_images_is_told_apart(data: bytes, format_: str) -> None:
    told = _base64(data)
    (turn,) = _turns({"role": "user", "images": [told]})
    assert turn.parts == (Audio(format_, told),)


def test_result_without_ids_answers_the_call_before_it() -> None:  # C26
    turns = _turns(
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [_call("f")]},
        {"role": "tool", "content": "42"},
    )
    (call,) = turns[1].calls
    assert (call.name, call.arguments) == ("f", '{"a":1}')
    assert len(call.id) == 9
    assert call.id.isalnum()
    result = Message("tool", (Text("42"),), call_id=call.id, name="f")
    assert turns[2] == result


def test_results_are_paired_by_the_tools_name_before_their_order() -> None:  # C27
    turns = _turns(
        {"role": "assistant", "tool_calls": [_call("f"), _call("g")]},
        {"role": "tool", "tool_name": "g", "content": "1"},
        {"role": "tool", "tool_name": "f", "content": "2"},
    )
    f, g = turns[0].calls
    assert f.id != g.id
    assert [(turn.call_id, turn.name) for turn in turns[1:]] == [
        (g.id, "g"),
        (f.id, "f"),
    ]


def test_result_whose_id_no_call_has_is_paired_all_the_same() -> None:
    turns = _turns(
        {"role": "assistant", "tool_calls": [_call("f")]},
        {"role": "tool", "tool_call_id": "call_lost", "content": "1"},
    )
    assert turns[1].call_id == turns[0].calls[0].id


def test_ids_that_were_sent_are_kept() -> None:
    turns = _turns(
        {"role": "assistant", "tool_calls": [_call("f", id="a"), _call("f", id="b")]},
        {"role": "tool", "tool_call_id": "b", "content": "1"},
        {"role": "tool", "tool_call_id": "a", "content": "2"},
    )
    assert turns[0].calls == (
        ToolCall("a", "f", '{"a":1}'),
        ToolCall("b", "f", '{"a":1}'),
    )
    assert [(turn.call_id, turn.name) for turn in turns[1:]] == [("b", "f"), ("a", "f")]


def test_result_without_any_call_is_not_dropped() -> None:
    (turn,) = _turns({"role": "tool", "content": "1", "tool_name": "f"})
    assert (turn.text, turn.name, bool(turn.call_id)) == ("1", "f", True)


def test_thoughts_and_unknown_roles_are_kept() -> None:
    assert _turns(
        {"role": "Assistant", "content": "a", "thinking": "hm"},
        {"role": "control", "content": "x"},
    ) == (
        Message("assistant", (Text("a"),), reasoning="hm"),
        Message("control", (Text("x"),)),
    )


def test_last_word_of_the_assistant_is_a_prefix() -> None:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert _chat(messages=messages).prefilled


def test_generation_is_a_conversation() -> None:  # C31
    png = _base64(b"\x89PNG\r\n\x1a\n")
    request = generate(system="be brief", images=[png], template="", context=[])
    assert OLLAMA.read_task(request) == Chat(
        (
            Message("system", (Text("be brief"),)),
            Message("user", (Text("hi"), Image("image/png", png))),
        )
    )


@pytest.mark.parametrize("field", [{"template": "[{{ .Prompt }}]"}, {"context": [1]}])
def test_what_only_ollama_can_do_is_refused(field: dict[str, Any]) -> None:
    (name,) = field
    with pytest.raises(InvalidRequest) as caught:
        OLLAMA.read_task(generate(**field))
    assert caught.value.message == f"{name} is not supported for this model"


def test_raw_prompt_is_a_text_to_be_gone_on_with() -> None:  # C32
    request = generate(raw=True, suffix="never", options={"num_predict": 9})
    assert OLLAMA.read_task(request) == TextCompletion(
        ("hi",), sampling=Sampling(max_tokens=9)
    )


def test_suffix_is_a_gap_to_be_filled() -> None:  # C33
    task = OLLAMA.read_task(generate(suffix="end", system=""))
    assert task == TextCompletion(("hi",), suffix="end")


@pytest.mark.parametrize("capabilities", [(), ("insert",)])
@pytest.mark.parametrize("gap", [{}, {"suffix": "end"}])
def test_template_that_is_shown_asks_for_nothing_else(
    capabilities: tuple[str, ...], gap: dict[str, str]
) -> None:
    pool = PoolSettings("p", "chat", ("*",), (), capabilities=capabilities)
    offer = Offer("m", Model("m", 0, {}), pool, "vllm")
    template = orjson.loads(OLLAMA.render_model(offer))["template"]
    assert OLLAMA.read_task(generate(template=template, **gap)) == (
        OLLAMA.read_task(generate(**gap))
    )


@pytest.mark.parametrize("way", [{"raw": True}, {"suffix": "end"}])
@pytest.mark.parametrize("field", [{"images": ["AAAA"]}, {"format": "json"}])
def test_text_completion_takes_no_image_and_no_format(
    way: dict[str, Any], field: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="is not supported with raw or suffix"):
        OLLAMA.read_task(generate(**way, **field))


@pytest.mark.parametrize("field", [{"system": "be brief"}, {"template": "{{ .X }}"}])
def test_gap_has_no_place_for_a_system_text(field: dict[str, str]) -> None:
    (name,) = field
    with pytest.raises(InvalidRequest) as caught:
        OLLAMA.read_task(generate(suffix="end", **field))
    told = f"{name} is not supported with raw or suffix for this model"
    assert (caught.value.message, caught.value.param) == (told, name)


EMBEDDINGS = [
    ({"input": "a"}, Embedding(("a",), normalized=True)),  # C35
    (
        {"input": ["a", ""], "dimensions": 2, "truncate": False},
        Embedding(("a", ""), 2, truncate=False, normalized=True),
    ),
    ({"input": "a", "dimensions": -1}, Embedding(("a",), normalized=True)),
]


@pytest.mark.parametrize(("body", "task"), EMBEDDINGS)
def test_embedding_is_promised_in_unit_length(
    body: dict[str, Any], task: Embedding
) -> None:
    assert OLLAMA.read_task(read("embed", {"model": "m", **body})) == task


def test_older_embedding_is_as_the_model_makes_it() -> None:  # C37
    request = read("embeddings", {"model": "m", "prompt": "a"})
    assert OLLAMA.read_task(request) == Embedding(("a",))
