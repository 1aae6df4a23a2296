"""From a client's request to a task that any dialect can write."""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.messages import Request
from llmwrap.canonical.pairing import paired
from llmwrap.canonical.tasks import (
    Chat,
    Embedding,
    Message,
    Part,
    Task,
    Text,
    TextCompletion,
    Tool,
    ToolCall,
)
from llmwrap.dialects.ollama.images import part_of
from llmwrap.dialects.ollama.listing import TEMPLATES
from llmwrap.dialects.ollama.options import read_sampling
from llmwrap.dialects.strict_json import write
from llmwrap.errors import InvalidRequest


def read_task(request: Request) -> Task:
    """What `request` asks for; 400 for what only Ollama itself can do."""
    body = request.body
    if request.operation == "embeddings":
        return _embedding(request)
    if request.operation == "text_completion":
        return _completion(body)
    if request.form == "generate":
        return _chat(body, _generation(body))
    return _chat(body, _turns(body["messages"]))


def _embedding(request: Request) -> Embedding:
    body = request.body
    if request.form == "embeddings":
        return Embedding((body["prompt"],))
    return Embedding(
        tuple(body["input"]),
        dimensions=max(0, body.get("dimensions", 0)),
        truncate=body.get("truncate") is not False,
        normalized=True,
    )


def _completion(body: Mapping[str, Any]) -> TextCompletion:
    """A prompt as it stands, or a gap: there is no place for a system text in either."""
    for name in ("images", "format", "template", "context", "system"):
        if _asks_for(name, body):
            raise InvalidRequest(
                f"{name} is not supported with raw or suffix for this model", param=name
            )
    return TextCompletion(
        (body["prompt"],),
        suffix="" if body.get("raw") else body.get("suffix", ""),
        sampling=read_sampling(body),
    )


def _generation(body: Mapping[str, Any]) -> tuple[Message, ...]:
    """The conversation that a prompt stands for."""
    for name in ("template", "context"):
        if _asks_for(name, body):
            raise InvalidRequest(f"{name} is not supported for this model", param=name)
    user = Message("user", _parts(body["prompt"], body.get("images")))
    if system := body.get("system"):
        return Message("system", (Text(system),)), user
    return (user,)


def _asks_for(name: str, body: Mapping[str, Any]) -> bool:
    """Whether `body` says something by `name`; a template that is shown is no wish for another."""
    told = body.get(name)
    return bool(told) and not (name == "template" and told in TEMPLATES)


def _chat(body: Mapping[str, Any], messages: tuple[Message, ...]) -> Chat:
    return Chat(
        messages,
        tools=tuple(_tool(tool["function"]) for tool in body.get("tools") or ()),
        format=body.get("format") or "",
        think=body.get("think"),
        sampling=read_sampling(body),
    )


_TOOL = ("name", "description", "parameters")


def _tool(function: Mapping[str, Any]) -> Tool:
    return Tool(
        str(function.get("name") or ""),
        str(function.get("description") or ""),
        function.get("parameters"),
        {name: value for name, value in function.items() if name not in _TOOL},
    )


def _parts(text: str, images: list[str] | None) -> tuple[Part, ...]:
    """The text first, where there is any."""
    texts: tuple[Part, ...] = (Text(text),) if text else ()
    return (*texts, *map(part_of, images or ()))


def _turns(messages: list[dict[str, Any]]) -> tuple[Message, ...]:
    known = {
        call.get("id")
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    return paired(_turn(message, known) for message in messages)


def _turn(message: Mapping[str, Any], known: set[str | None]) -> Message:
    """One message; an id that no call has says nothing, since clients drop those of calls."""
    parts = _parts(message["content"], message.get("images"))
    call_id = message.get("tool_call_id", "")
    return Message(
        message["role"],
        parts,
        reasoning=message.get("thinking", ""),
        calls=tuple(map(_call, message.get("tool_calls") or ())),
        call_id=call_id if call_id in known else "",
        name=message.get("tool_name") or message.get("name", ""),
    )


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    arguments = write(function["arguments"]).decode()
    return ToolCall(call.get("id", ""), function.get("name", ""), arguments)
