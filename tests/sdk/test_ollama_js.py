"""Ollama's official client for Node (0.6.4): what it asks, and what it makes of the answers.

Contract cases C10-C12, C14, C18, C35, C38-C41, C43, C47, C50.
"""

import os
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest

from tests.fakes import (
    chat_chunk,
    chat_events,
    chunked,
    done,
    json_answer,
    send,
    sse,
    sse_head,
    stream,
)
from tests.fakes.native import (
    END,
    begun,
    chat_line,
    drip,
    ndjson,
    raw,
    said_line,
)
from tests.sdk.node import Node, NotInstallable, Told, running_node
from tests.sdk.stage import (
    BEARER,
    CHAT,
    CLOSED_S,
    CODER,
    EMBED,
    HI,
    NATIVE,
    NATIVE_EMBED,
    THINKER,
    Stage,
)

ODD = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\rj🦙é\x00k"
PNG = "iVBORw0KGgoAAAAAAAAAAA=="

Ask = Callable[..., Told]


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """Skipped where it does not install, but never under CI."""
    try:
        with running_node() as node:
            yield node
    except NotInstallable as failure:
        reason = f"Ollama's client for Node does not install here: {failure}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(params=["/ollama"])
def ask(node: Node, stage: Stage, request: pytest.FixtureRequest) -> Ask:
    """Call a method of the client; the keywords are its request."""
    config = {"host": stage.gateway.url + request.param, "headers": BEARER}

    def ask(method: str, **request: Any) -> Told:
        return node.ask(config, method, request=request or None)

    return ask


with_slash_or_without = pytest.mark.parametrize(
    "ask", ["/ollama", "/ollama/"], ids=["bare", "slash"], indirect=True
)


@with_slash_or_without
@pytest.mark.parametrize("model", [CHAT, f"{CHAT}:latest", NATIVE])
def test_chat(ask: Ask, model: str) -> None:
    told = ask("chat", model=model, messages=HI).only
    assert told["message"] == {"role": "assistant", "content": "Hello"}
    assert (told["model"], told["done"], told["done_reason"]) == (model, True, "stop")
    assert told["eval_count"] == 2
    parts = ask("chat", model=model, messages=HI, stream=True)
    assert parts.error is None
    assert [part["message"]["content"] for part in parts.parts] == ["Hel", "lo", ""]
    last = parts.parts[-1]
    assert (last["done"], last["eval_count"]) == (True, 2)


@with_slash_or_without
@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_generation(ask: Ask, model: str) -> None:
    told = ask("generate", model=model, prompt="Hi").only
    assert (told["response"], told["done"]) == ("Hello", True)
    told = ask("generate", model=model, prompt="Hi", stream=True)
    assert told.error is None
    assert [part["response"] for part in told.parts] == ["Hel", "lo", ""]


def test_thoughts_and_images(ask: Ask, stage: Stage) -> None:
    deltas = [{"role": "assistant"}, {"reasoning_content": "hm"}, {"content": "ok"}]
    chunks = [*map(chat_chunk, deltas), chat_chunk({}, "stop")]
    stage.vllm.fake.chat(stream([*map(sse, chunks), done()]))
    messages = [{"role": "user", "content": "What is it?", "images": [PNG]}]
    told = ask("chat", model=THINKER, messages=messages, think=True, stream=True)
    assert told.error is None
    said = [part["message"] for part in told.parts]
    assert [each.get("thinking") for each in said] == ["hm", None, None]
    assert [each["content"] for each in said] == ["", "ok", ""]
    sent = stage.vllm.request.json()
    assert sent["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{PNG}"},
    }


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_tool_is_called_and_its_result_told(ask: Ask, stage: Stage, model: str) -> None:
    pieces = [
        {"index": 0, "id": "call_a", "function": {"name": "f", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]
    chunks = [chat_chunk({"tool_calls": [piece]}) for piece in pieces]
    events = [*map(sse, chunks), sse(chat_chunk({}, "tool_calls")), done()]
    stage.vllm.fake.chat(stream(events))
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    lines = [said_line(tool_calls=[call]), chat_line(**END)]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    told = ask("chat", model=model, messages=HI, tools=tools, stream=True)
    assert told.error is None
    (called,) = told.parts[0]["message"]["tool_calls"]
    assert called["function"]["name"] == "f"
    assert called["function"]["arguments"] == {"x": 1}
    assert told.parts[-1]["done_reason"] == "stop"
    history = [
        *HI,
        told.parts[0]["message"],
        {"role": "tool", "content": "2", "tool_name": "f"},
    ]
    ask("chat", model=model, messages=history, stream=True)
    asked = stage.vllm if model == CHAT else stage.native
    _, before, result = asked.requests[-1].json()["messages"]
    assert result["content"] == "2"
    if model == CHAT:
        assert result["tool_call_id"] == before["tool_calls"][0]["id"]
        assert before["tool_calls"][0]["function"]["arguments"] == '{"x":1}'
    else:
        assert result["tool_name"] == "f"
        assert before["tool_calls"][0]["function"]["arguments"] == {"x": 1}


@with_slash_or_without
def test_vectors(ask: Ask) -> None:
    told = ask("embed", model=EMBED, input=["a", "b"]).only
    assert told["embeddings"][0] == pytest.approx([0.0, 1.0])
    assert told["embeddings"][1] == pytest.approx([0.894427, 0.447214], abs=1e-6)
    assert ask("embeddings", model=EMBED, prompt="a").only == {"embedding": [0.0, 0.5]}
    told = ask("embed", model=NATIVE_EMBED, input=["abc", "d"]).only
    assert told["embeddings"] == [[3.0, 0.0], [1.0, 0.0]]


@with_slash_or_without
def test_lists(ask: Ask) -> None:
    names = {model["name"] for model in ask("list").only["models"]}
    assert {f"{CHAT}:latest", f"{NATIVE}:latest"} <= names
    assert {model["name"] for model in ask("ps").only["models"]} == names
    shown = ask("show", model=THINKER).only
    assert shown["capabilities"] == ["completion", "tools", "thinking", "vision"]
    assert shown["model_info"]["unknown.context_length"] == 8192
    assert ask("version").only["version"].count(".") == 2


def test_pull_of_a_model_that_is_there(ask: Ask) -> None:
    assert ask("pull", model=CHAT).only == {"status": "success"}
    told = ask("pull", model=NATIVE, stream=True)
    assert told.error is None
    assert [part["status"] for part in told.parts] == ["pulling manifest", "success"]


REFUSALS = [
    ("chat", {"model": "nope"}, 404, "model 'nope' not found"),
    ("chat", {"model": "nope", "stream": True}, 404, "model 'nope' not found"),
    ("pull", {"model": "nope", "stream": True}, 404, "model 'nope' not found"),
    ("show", {"model": "nope"}, 404, "model 'nope:latest' not found"),
    ("delete", {"model": CHAT}, 403, "deleting models is disabled on this server"),
    ("push", {"model": CHAT}, 403, "pushing models is disabled on this server"),
    (
        "create",
        {"model": "other", "from": CHAT, "stream": True},
        403,
        "creating models is disabled on this server",
    ),
    (
        "copy",
        {"source": CHAT, "destination": "other"},
        403,
        "copying models is disabled on this server",
    ),
    (
        "chat",
        {"model": CODER, "messages": HI, "think": True},
        400,
        '"coder" does not support thinking',
    ),
    (
        "generate",
        {"model": CHAT, "prompt": "Hi", "options": {"seed": "x"}},
        400,
        'option "seed" must be of type integer',
    ),
]


@pytest.mark.parametrize(("method", "asked", "status", "text"), REFUSALS)
def test_refusal_has_its_status_and_its_text(
    ask: Ask, stage: Stage, method: str, asked: dict[str, Any], status: int, text: str
) -> None:
    told = ask(method, **asked)
    assert told.error == {"name": "ResponseError", "message": text, "status": status}
    assert stage.asked == 0


def test_failure_of_an_upstream_is_a_status(ask: Ask, stage: Stage) -> None:
    stage.vllm.fake.chat(json_answer(500, {"error": {"message": "out of memory"}}))
    told = ask("chat", model=CHAT, messages=HI, stream=True)
    assert told.error == {
        "name": "ResponseError",
        "message": "out of memory",
        "status": 502,
    }


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_error_in_the_middle_of_a_stream_is_thrown(
    ask: Ask, stage: Stage, model: str
) -> None:
    events = [*chat_events("Hel", "lo")[:3], sse({"error": {"message": "boom"}})]
    stage.vllm.fake.chat(stream(events))
    lines = [chat_line("Hel"), chat_line("lo"), {"error": "boom"}]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    told = ask("chat", model=model, messages=HI, stream=True)
    assert [part["message"]["content"] for part in told.parts] == ["Hel", "lo"]
    assert told.error == {"name": "Error", "message": "boom"}


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_text_arrives_whole_whatever_is_in_it(
    ask: Ask, stage: Stage, model: str
) -> None:
    stage.vllm.fake.chat(stream(chat_events(ODD, ODD)))
    lines = [chat_line(ODD), chat_line(ODD), chat_line(**END)]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    told = ask("chat", model=model, messages=HI, stream=True)
    assert told.error is None
    assert [part["message"]["content"] for part in told.parts] == [ODD, ODD, ""]


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_abort_ends_the_stream_for_the_upstream_too(
    node: Node, stage: Stage, model: str
) -> None:
    gone = Event()
    part = chunked(sse(chat_chunk({"content": "a"})))
    stage.vllm.fake.chat([send(sse_head()), drip(part, gone)])
    line = chunked(raw(chat_line("a")))
    stage.native.fake.on("POST", "/api/chat", [*begun([]), drip(line, gone)])
    config = {"host": f"{stage.gateway.url}/ollama", "headers": BEARER}
    request = {"model": model, "messages": HI, "stream": True}
    told = node.ask(config, "chat", request=request, abortAfter=2)
    assert told.error
    assert told.error["name"] == "AbortError"
    assert gone.wait(CLOSED_S)


def test_client_without_a_key_is_refused(node: Node, stage: Stage) -> None:
    config = {"host": f"{stage.gateway.url}/ollama"}
    told = node.ask(config, "list")
    assert told.error == {
        "name": "ResponseError",
        "message": "unauthorized",
        "status": 401,
    }
    assert node.ask(config, "version").error is None
