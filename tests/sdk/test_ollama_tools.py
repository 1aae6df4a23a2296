"""Tools with Ollama's official client: calls come whole, results go back to the right call.

Contract cases C14, C15, C17, C26, C27, C51, C52.
"""

from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.fakes import chat_chunk, done, json_answer, sse, stream
from tests.fakes.native import END, chat_line, ndjson, said_line
from tests.sdk.stage import CHAT, CODER, HI, NATIVE, Stage

PARIS, BERLIN = {"city": "Paris"}, {"city": "Berlin", "days": 2}


def get_weather(city: str, days: int = 1) -> str:
    """Look the weather up.

    Args:
      city: Where
      days: How many
    """
    return f"{days} days of sun in {city}"


@pytest.fixture
def client(stage: Stage) -> Iterator[ollama.Client]:
    with stage.client() as client:
        yield client


def piece(index: int, arguments: str, **call: str) -> dict[str, Any]:
    """A delta with more of a tool call; `call` is what the first piece says besides."""
    named = {"name": call.pop("name")} if "name" in call else {}
    function = {**named, "arguments": arguments}
    return {"tool_calls": [{"index": index, **call, "function": function}]}


FRAGMENTS = [
    {"role": "assistant", "content": "Let me look"},
    piece(0, '{"ci', id="call_a", type="function", name="get_weather"),
    piece(1, '{"city":"Ber', id="call_b", type="function", name="get_weather"),
    piece(0, 'ty":"Paris"}'),
    piece(1, 'lin","days":2}'),
]
"""Two calls whose pieces alternate, as vLLM sends them."""

NATIVE_CALLS = [
    chat_line("Let me look"),
    said_line(
        tool_calls=[
            {"id": "call_a", "function": {"name": "get_weather", "arguments": PARIS}},
            {"id": "call_b", "function": {"name": "get_weather", "arguments": BERLIN}},
        ]
    ),
    chat_line(**END),
]


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_calls_come_whole_in_one_line(
    client: ollama.Client, stage: Stage, model: str
) -> None:
    chunks = [*map(chat_chunk, FRAGMENTS), chat_chunk({}, "tool_calls")]
    stage.vllm.fake.chat(stream([*map(sse, chunks), done()]))
    stage.native.fake.on("POST", "/api/chat", ndjson(NATIVE_CALLS))
    text, calling, last = client.chat(model, HI, tools=[get_weather], stream=True)
    assert (text.message.content, text.message.tool_calls) == ("Let me look", None)
    assert calling.message.content == ""
    assert [call.function.name for call in calling.message.tool_calls] == [
        "get_weather"
    ] * 2
    assert [call.function.arguments for call in calling.message.tool_calls] == [
        PARIS,
        BERLIN,
    ]
    assert (last.message.tool_calls, last.done_reason) == (None, "stop")


def test_function_is_described_to_the_model(
    client: ollama.Client, stage: Stage
) -> None:
    client.chat(CHAT, HI, tools=[get_weather])
    (tool,) = stage.vllm.request.json()["tools"]
    assert tool["type"] == "function"
    assert tool["function"]["name"] == "get_weather"
    parameters = tool["function"]["parameters"]
    assert parameters["properties"]["city"] == {
        "type": "string",
        "description": "Where",
    }
    assert parameters["properties"]["days"]["type"] == "integer"


def test_no_tools_are_not_mentioned(client: ollama.Client, stage: Stage) -> None:
    client.chat(CHAT, HI, tools=[])
    assert "tools" not in stage.vllm.request.json()


def test_results_go_back_to_their_calls(client: ollama.Client, stage: Stage) -> None:
    """The client drops the ids of calls, and answers out of order."""
    calls = [
        {"function": {"name": "get_weather", "arguments": PARIS}},
        {"function": {"name": "get_time", "arguments": {}}},
    ]
    history = [
        *HI,
        ollama.Message(role="assistant", content="", tool_calls=calls),
        {"role": "tool", "content": "noon", "tool_name": "get_time"},
        {"role": "tool", "content": "sun", "tool_name": "get_weather"},
    ]
    assert client.chat(CHAT, history).message.content == "Hello"
    _, assistant, noon, sun = stage.vllm.request.json()["messages"]
    weather, clock = assistant["tool_calls"]
    assert weather["function"] == {
        "name": "get_weather",
        "arguments": '{"city":"Paris"}',
    }
    assert clock["function"] == {"name": "get_time", "arguments": "{}"}
    assert (noon["tool_call_id"], noon["content"]) == (clock["id"], "noon")
    assert (sun["tool_call_id"], sun["content"]) == (weather["id"], "sun")
    assert len({weather["id"], clock["id"]}) == 2


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_conversation_with_a_tool(
    client: ollama.Client, stage: Stage, model: str
) -> None:
    call = {"name": "get_weather", "arguments": '{"city":"Paris","days":3}'}
    message = {"role": "assistant", "content": None}
    message["tool_calls"] = [{"id": "call_a", "type": "function", "function": call}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    stage.vllm.fake.chat(
        json_answer(200, {"object": "chat.completion", "choices": [choice]}),
        then=[json_answer(200, answered("It is sunny"))],
    )
    native = said_line(
        tool_calls=[
            {"function": {"name": "get_weather", "arguments": {**PARIS, "days": 3}}}
        ]
    )
    stage.native.fake.on(
        "POST",
        "/api/chat",
        json_answer(200, native | END),
        then=[json_answer(200, chat_line("It is sunny", **END))],
    )
    asking = client.chat(model, HI, tools=[get_weather]).message
    (call,) = asking.tool_calls
    result = get_weather(**call.function.arguments)
    assert result == "3 days of sun in Paris"
    reply = {"role": "tool", "tool_name": call.function.name, "content": result}
    told = client.chat(model, [*HI, asking, reply], tools=[get_weather])
    assert told.message.content == "It is sunny"
    asked = stage.vllm if model == CHAT else stage.native
    _, assistant, answered_ = asked.requests[-1].json()["messages"]
    assert answered_["content"] == "3 days of sun in Paris"
    if model == CHAT:
        assert answered_["tool_call_id"] == assistant["tool_calls"][0]["id"]
    else:
        assert answered_["tool_name"] == "get_weather"


def answered(text: str) -> dict[str, Any]:
    """A plain answer of an OpenAI upstream."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"object": "chat.completion", "choices": [choice]}


def test_model_without_tools(client: ollama.Client, stage: Stage) -> None:
    """Known to the operator, or learnt from vLLM's refusal: clients look for the words."""
    with pytest.raises(ollama.ResponseError, match="does not support tools") as caught:
        client.chat(CODER, HI, tools=[get_weather])
    assert caught.value.status_code == 400
    assert stage.asked == 0
    refusal = '"auto" tool choice requires --enable-auto-tool-choice and a parser'
    stage.vllm.fake.chat(json_answer(400, {"error": {"message": refusal}}))
    with pytest.raises(ollama.ResponseError, match="does not support tools") as caught:
        client.chat(CHAT, HI, tools=[get_weather])
    assert caught.value.status_code == 400
