"""Which requests of Ollama's clients are taken, which are refused, and with which words.

The words are those of Ollama 0.33 (2026-08); `C..` are the cases of the wire contract.
"""

import base64
from dataclasses import replace
from typing import Any

import pytest

from llmwrap.settings.values import OLLAMA_SERVICE
from tests.dialects.ollama import HI, OLLAMA, chat, generate, read, refusal

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()


def test_routes_are_the_four_ways_of_asking() -> None:
    told = [(rule.method, rule.path, rule.form) for rule in OLLAMA.routes]
    assert told == [
        ("POST", "/api/chat", "chat"),
        ("POST", "/api/generate", "generate"),
        ("POST", "/api/embed", "embed"),
        ("POST", "/api/embeddings", "embeddings"),
    ]


@pytest.mark.parametrize(
    ("form", "body", "operation"),
    [
        ("chat", HI, "chat"),
        ("generate", {"model": "m", "prompt": "x"}, "chat"),
        ("generate", {"model": "m", "prompt": "x", "raw": True}, "text_completion"),
        ("generate", {"model": "m", "prompt": "x", "suffix": "y"}, "text_completion"),
        ("embed", {"model": "m", "input": "x"}, "embeddings"),
        ("embeddings", {"model": "m", "prompt": "x"}, "embeddings"),
    ],
)
def test_operation_is_what_the_body_asks_for(
    form: str, body: Any, operation: str
) -> None:
    request = read(form, body)
    assert (request.form, request.operation, request.idle) == (form, operation, "")


@pytest.mark.parametrize("name", ["foo", "foo:latest", "FOO:LATEST", " foo "])
def test_model_is_kept_byte_for_byte(name: str) -> None:  # C06
    assert chat(model=name).model == name


@pytest.mark.parametrize(
    ("stream", "streams"), [(..., True), (None, True), (True, True), (False, False)]
)
@pytest.mark.parametrize("form", ["chat", "generate"])
def test_answers_stream_unless_told_otherwise(
    form: str, stream: Any, streams: bool
) -> None:  # C10, C11
    body = HI if form == "chat" else {"model": "m", "prompt": "x"}
    body = body if stream is ... else {**body, "stream": stream}
    assert read(form, body).stream is streams


def test_embeddings_never_stream() -> None:
    assert not read("embed", {"model": "m", "input": "x", "stream": True}).stream


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_empty_body_is_missing(body: bytes) -> None:  # C09
    assert refusal("chat", body) == "missing request body"


@pytest.mark.parametrize("body", [b'{"model":', b"[1]", b'"x"', b"model=x"])
def test_body_that_is_no_object_is_refused(body: bytes) -> None:  # C09
    assert refusal("chat", body)


def test_null_is_an_empty_object() -> None:
    assert refusal("chat", b" null\n") == "model is required"


def test_null_is_absent_and_unknown_keys_are_ignored() -> None:
    names = ("stream", "format", "tools", "options", "think", "keep_alive", "images")
    request = chat(**dict.fromkeys(names), zzz=1)
    assert request.body == {**HI, "zzz": 1}
    assert request.stream


def test_fields_of_another_path_are_unknown_here() -> None:
    body = {"model": "m", "input": "x", "format": 3, "think": 3, "stream": "x"}
    assert read("embed", body).idle == ""
    assert chat(context="x", prompt=1, images=3).idle == ""


@pytest.mark.parametrize("name", ["api_base", "api_key", "base_url"])
def test_order_to_go_elsewhere_is_refused(name: str) -> None:
    told = refusal("chat", {**HI, name: "x"})
    assert told == (f"{name} is not accepted: where a request goes is configured here")


JSON = "json: cannot unmarshal"

WRONG_TYPES = [
    ("chat", {"stream": "true"}, "string", "ChatRequest.stream of type bool"),
    ("chat", {"model": 3}, "number", "ChatRequest.model of type string"),
    ("chat", {"messages": {}}, "object", "ChatRequest.messages of type []api.Message"),
    ("chat", {"messages": ["x"]}, "string", "ChatRequest.messages of type api.Message"),
    ("chat", {"tools": {}}, "object", "ChatRequest.tools of type api.Tools"),
    ("chat", {"tools": [1]}, "number", "ChatRequest.tools of type api.Tool"),
    ("chat", {"logprobs": 1}, "number", "ChatRequest.logprobs of type bool"),
    (
        "chat",
        {"top_logprobs": 2.5},
        "number 2.5",
        "ChatRequest.top_logprobs of type int",
    ),
    (
        "chat",
        {"options": []},
        "array",
        "ChatRequest.options of type map[string]interface {}",
    ),
    ("generate", {"prompt": ["x"]}, "array", "GenerateRequest.prompt of type string"),
    ("generate", {"raw": 1}, "number", "GenerateRequest.raw of type bool"),
    ("generate", {"context": ["x"]}, "string", "GenerateRequest.context of type int"),
    (
        "generate",
        {"images": "x"},
        "string",
        "GenerateRequest.images of type []api.ImageData",
    ),
    (
        "generate",
        {"images": [1]},
        "number",
        "GenerateRequest.images of type api.ImageData",
    ),
    (
        "embed",
        {"input": "x", "dimensions": "2"},
        "string",
        "EmbedRequest.dimensions of type int",
    ),
    ("embeddings", {"prompt": 1}, "number", "EmbeddingRequest.prompt of type string"),
]


@pytest.mark.parametrize(("form", "fields", "kind", "field"), WRONG_TYPES)
def test_wrong_type_is_refused_as_go_does(
    form: str, fields: dict[str, Any], kind: str, field: str
) -> None:
    body = {"model": "m", **fields}
    assert refusal(form, body) == f"{JSON} {kind} into Go struct field {field}"


WRONG_MESSAGES = [
    ({"role": 1}, "number", "ChatRequest.messages.role of type string"),
    ({"content": {}}, "object", "ChatRequest.messages of type string"),
    ({"content": 3}, "number", "ChatRequest.messages of type string"),
    (
        {"content": [{"type": "video_url"}]},
        "array",
        "ChatRequest.messages of type string",
    ),
    ({"content": ["x"]}, "array", "ChatRequest.messages of type string"),
    ({"thinking": []}, "array", "ChatRequest.messages.thinking of type string"),
    (
        {"images": {}},
        "object",
        "ChatRequest.messages.images of type []api.ImageData",
    ),
    (
        {"tool_calls": [{"function": "f"}]},
        "string",
        "ChatRequest.messages.tool_calls of type api.ToolCallFunction",
    ),
    (
        {"tool_calls": [{"id": 1, "function": {"name": "f"}}]},
        "number",
        "ChatRequest.messages.tool_calls.id of type string",
    ),
]


@pytest.mark.parametrize(("message", "kind", "field"), WRONG_MESSAGES)
def test_wrong_type_in_a_message_is_refused(
    message: dict[str, Any], kind: str, field: str
) -> None:
    body = {"model": "m", "messages": [{"role": "user", **message}]}
    assert refusal("chat", body) == f"{JSON} {kind} into Go struct field {field}"


NAMELESS = [
    ("chat", {"messages": [{"role": "user"}]}, 400, "model is required"),
    ("chat", {"model": ""}, 400, "model is required"),
    ("generate", {"prompt": "x"}, 404, "model '' not found"),
    ("generate", {"model": " ", "prompt": "x"}, 404, "model '' not found"),
    ("embed", {"input": "x"}, 404, "model '' not found"),
    ("embeddings", {"prompt": "x"}, 400, "model is required"),
]


@pytest.mark.parametrize(("form", "body", "status", "told"), NAMELESS)
def test_absent_model_is_refused_in_words_of_the_path(
    form: str, body: Any, status: int, told: str
) -> None:  # C30
    assert refusal(form, body, status) == told


def test_absent_model_is_left_to_the_services_default() -> None:
    service = replace(OLLAMA_SERVICE, default_model="llama3")
    assert read("chat", {"messages": HI["messages"]}, service).model == ""


NO_NAMES = ["x" * 600, "a\nb", "a\x00", "a\x7fb", "a\x9fb"]


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("form", ["chat", "generate"])
def test_what_is_no_name_anywhere_is_refused(form: str, name: str) -> None:
    assert refusal(form, {"model": name, "prompt": "x"}) == "invalid model name"


NAMES = [
    "foo",
    "foo:8b",
    "Qwen/Qwen3-8B",
    "registry.example:5000/library/foo:latest",
    "/models/a/b.gguf",
    "qwen2.5-7b-instruct@q4_k_m",
    "hf.co/a/b:Q4_K_M",
    "My Model",
    "C:\\m\\y.gguf",
    "a:b:c",
    "foo:",
    "ä",
    'a"b',
]


@pytest.mark.parametrize("name", NAMES)
def test_name_of_any_server_is_taken(name: str) -> None:
    assert chat(model=name).model == name


@pytest.mark.parametrize("count", [21, -1])
@pytest.mark.parametrize("form", ["chat", "generate"])
def test_too_many_logprobs_are_refused(form: str, count: int) -> None:  # C34
    body = {"model": "", "prompt": "x", "top_logprobs": count}
    assert refusal(form, body) == "top_logprobs must be between 0 and 20"


@pytest.mark.parametrize("think", [True, False, "low", "medium", "high", "max"])
def test_think_is_taken(think: Any) -> None:  # C19
    assert chat(think=think).body["think"] == think


def test_think_of_another_value_is_refused() -> None:  # C19
    assert refusal("chat", {**HI, "think": "banana"}) == (
        'invalid think value: "banana"'
        ' (must be "high", "medium", "low", "max", true, or false)'
    )
    assert refusal("generate", {"model": "m", "prompt": "x", "think": 3}) == (
        "think must be a boolean or string"
        ' ("high", "medium", "low", "max", true, or false)'
    )


OPTIONS = [
    ({"temperature": "hot"}, 'option "temperature" must be of type float32'),
    ({"temperature": True}, 'option "temperature" must be of type float32'),
    ({"seed": "10"}, 'option "seed" must be of type integer'),
    ({"top_k": True}, 'option "top_k" must be of type integer'),
    ({"use_mmap": 1}, 'option "use_mmap" must be of type boolean'),
    ({"stop": 1}, 'option "stop" must be of type array'),
    ({"stop": ["a", 1]}, 'option "stop" must be of type an array of strings'),
]


@pytest.mark.parametrize(("options", "told"), OPTIONS)
def test_option_of_another_type_is_refused(
    options: dict[str, Any], told: str
) -> None:  # C23
    assert refusal("chat", {**HI, "options": options}) == told


def test_options_are_made_of_their_types() -> None:  # C22, C23
    options = {"stop": "X", "seed": 10.7, "num_ctx": 512.0, "top_p": 1, "zzz": "any"}
    request = chat(options={**options, "min_p": None, "mirostat": None})
    assert request.body["options"] == {
        "stop": ["X"],
        "seed": 10,
        "num_ctx": 512,
        "top_p": 1,
        "zzz": "any",
    }


@pytest.mark.parametrize("value", ["", "json", {"type": "object"}, {}])
def test_format_is_taken(value: Any) -> None:  # C24
    assert chat(format=value).body["format"] == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [("xml", r'"\"xml\""'), (3, '"3"'), (True, '"true"'), ([], '"[]"')],
)
def test_other_format_is_refused(value: Any, shown: str) -> None:  # C24
    told = refusal("chat", {**HI, "format": value})
    expected = 'expected "json" or a valid JSON Schema object'
    assert told == f"invalid format: {shown}; {expected}"


KEEP_ALIVE = [
    ("5", 'time: missing unit in duration "5"'),
    ("abc", 'time: invalid duration "abc"'),
    ("", 'time: invalid duration ""'),
    ("-", 'time: invalid duration "-"'),
    ("5x", 'time: unknown unit "x" in duration "5x"'),
    ("1h30", 'time: missing unit in duration "1h30"'),
    (".s", 'time: invalid duration ".s"'),
    (True, "Unsupported type: 'bool'"),
    ([], "Unsupported type: '[]interface {}'"),
    ({}, "Unsupported type: 'map[string]interface {}'"),
]


@pytest.mark.parametrize(("value", "told"), KEEP_ALIVE)
@pytest.mark.parametrize("form", ["chat", "embed"])
def test_keep_alive_that_is_no_time_is_refused(
    form: str, value: Any, told: str
) -> None:
    body = {**HI, "input": "x", "keep_alive": value}
    assert refusal(form, body) == told


ZERO = [0, 0.0, "0", "0s", "-0s", "+0", "0h0m", "0.0s"]
NOT_ZERO = [1, 0.5, -1, "5m", "1h30m", "-1s", "1.5h", ".5s", "1ns", "3µs", None]


@pytest.mark.parametrize("keep_alive", ZERO)
def test_nothing_asked_and_kept_for_no_time_is_unload(keep_alive: Any) -> None:
    for stream in (True, False):  # C28, C29
        body = {"model": "m", "keep_alive": keep_alive, "stream": stream}
        assert read("chat", {**body, "messages": []}).idle == "unload"
        assert read("chat", body).idle == "unload"
        assert read("generate", {**body, "prompt": ""}).idle == "unload"


@pytest.mark.parametrize("keep_alive", NOT_ZERO)
def test_nothing_asked_otherwise_is_load(keep_alive: Any) -> None:  # C28, C29
    body = {"model": "m", "keep_alive": keep_alive}
    assert read("chat", {**body, "messages": []}).idle == "load"
    assert read("generate", body).idle == "load"


@pytest.mark.parametrize("own", [{"system": "s", "template": "t"}, {"raw": True}])
def test_generation_with_everything_but_a_prompt_is_load(own: dict[str, Any]) -> None:
    body = {"model": "m", "suffix": "x", "images": [PNG], **own}
    assert read("generate", body).idle == "load"


def test_prompt_kept_for_no_time_is_a_generation() -> None:  # C29
    assert generate(keep_alive=0).idle == ""


def test_unload_looks_at_no_option_and_load_does() -> None:
    body = {"model": "m", "options": {"seed": "x"}}
    assert read("generate", {**body, "keep_alive": 0}).idle == "unload"
    assert refusal("generate", body) == 'option "seed" must be of type integer'


@pytest.mark.parametrize("value", [None, "", []])
def test_embedding_of_nothing_is_idle(value: Any) -> None:  # C35
    assert read("embed", {"model": "m", "input": value}).idle == "load"
    assert read("embed", {"model": "m"}).idle == "load"
    assert read("embeddings", {"model": "m", "prompt": value or ""}).idle == "load"


def test_embedding_of_an_empty_text_in_an_array_is_none() -> None:
    request = read("embed", {"model": "m", "input": [""]})
    assert (request.idle, request.body["input"]) == ("", [""])


@pytest.mark.parametrize("value", [[1], 1, {"a": "b"}, ["x", None], [["x"]], True])
def test_embedding_of_no_text_is_refused(value: Any) -> None:  # C35
    assert refusal("embed", {"input": value}) == "invalid input type"


@pytest.mark.parametrize(
    "field", [{"system": "s"}, {"template": "t"}, {"context": [1]}]
)
def test_raw_takes_nothing_beside(field: dict[str, Any]) -> None:  # C32
    body = {"model": "m", "prompt": "x", "raw": True, **field}
    told = "raw mode does not support template, system, or context"
    assert refusal("generate", body) == told
    del body["prompt"]  # judged before it is seen that nothing is asked
    assert refusal("generate", body) == told
    assert read("generate", {**body, "keep_alive": 0}).idle == "unload"
    assert generate(raw=True, system="", context=[]).operation == "text_completion"


ORDER: list[dict[str, Any]] = [
    {"think": "x"},
    {"top_logprobs": 21},
    {"model": ""},
    {"raw": True, "system": "s"},
    {"options": {"seed": "x"}},
    {"format": "xml"},
]


@pytest.mark.parametrize("count", range(1, len(ORDER)))
def test_first_fault_is_told_in_ollamas_order(count: int) -> None:
    body: dict[str, Any] = {"model": "m", "prompt": "x"}
    alone = body | ORDER[count - 1]
    for fault in ORDER[count - 1 :]:
        body |= fault
    status = 404 if count == 3 else 400
    assert refusal("generate", body, status) == refusal("generate", alone, status)


# What clients send beside Ollama's own forms


def _message(**fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = chat(messages=[{"role": "user", **fields}]).body
    message: dict[str, Any] = told["messages"][0]
    return message


def test_role_is_lower_case_and_content_a_string() -> None:
    assert _message(role="USER", content=None) == {"role": "user", "content": ""}


def test_content_parts_become_text_and_images() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "text", "text": "b"},
        {"type": "image_url", "image_url": PNG},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]
    assert _message(content=parts, images=["AAAA"]) == {
        "role": "user",
        "content": "a\nb",
        "images": ["AAAA", PNG, PNG, "UklGRg=="],
    }


@pytest.mark.parametrize("url", ["http://x/y.png", "HTTPS://x/y.png"])
def test_address_of_an_image_is_refused(url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    assert refusal("chat", body) == (
        "an image has to be sent as base64; its address is not fetched"
    )


@pytest.mark.parametrize(
    "image", [PNG, f"data:image/png;base64,{PNG}", f"{PNG[:8]}\r\n{PNG[8:]} "]
)
def test_image_leaves_as_plain_base64(image: str) -> None:  # C25
    assert _message(images=[image, ""])["images"] == [PNG]
    assert generate(images=[image]).body["images"] == [PNG]


@pytest.mark.parametrize(
    ("image", "place"),
    [("@@@", 0), ("AAA@", 3), ("data:image/png,xyz", 4), ("AAA", 3), ("A=AA", 1)],
)
def test_image_that_is_no_base64_is_refused(image: str, place: int) -> None:  # C25
    told = f"illegal base64 data at input byte {place}"
    body = {"model": "m", "messages": [{"role": "user", "images": [image]}]}
    assert refusal("chat", body) == told
    assert refusal("generate", {"prompt": "x", "images": [image]}) == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"b": 1, "a": [2]}, {"b": 1, "a": [2]}),
        ('{"a":1}', {"a": 1}),
        ("", {}),
        (None, {}),
        ("null", {}),
    ],
)
def test_arguments_become_an_object(arguments: Any, told: dict[str, Any]) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    assert _message(role="assistant", tool_calls=[call])["tool_calls"] == [
        {"function": {"name": "f", "arguments": told}}
    ]


@pytest.mark.parametrize("arguments", ["[1]", "{", '"x"', 3, [1]])
def test_arguments_that_are_no_object_are_refused(arguments: Any) -> None:
    call = {"function": {"name": "f", "arguments": arguments}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    assert refusal("chat", body) == (
        'invalid tool call arguments for "f": they are no JSON object'
    )
