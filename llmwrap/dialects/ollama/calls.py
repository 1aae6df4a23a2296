"""From a task to the calls of an Ollama upstream: its native API, which alone has `num_ctx`.

Fields and their limits: Ollama 0.33 (2026-08).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

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
    TextCompletion,
    Tool,
    ToolCall,
)
from llmwrap.dialects.base import Call
from llmwrap.dialects.lazy_calls import Calls
from llmwrap.dialects.ollama.mending import MENDABLE
from llmwrap.dialects.ollama.options import render_options
from llmwrap.dialects.ollama.request import PATHS, call_to
from llmwrap.dialects.strict_json import write
from llmwrap.errors import InvalidRequest

_MOST_SEED = 2**63 - 1


def render_task(task: Task, target: Target, *, stream: bool) -> Sequence[Call]:
    """One call for each answer, or for each batch of texts; `stream` is always said."""
    if isinstance(task, Embedding):
        return _embeddings(task, target)
    _check_seed(task.sampling, task.n)
    if isinstance(task, TextCompletion):
        return _completions(task, target, stream=stream)
    body = _asked(_chat(task), task.sampling, target) | {"stream": stream}
    if task.n == 1 and (options := render_options(task.sampling, target, 0)):
        body["options"] = options
    call = call_to(PATHS["chat"], body, stream=stream, ours=MENDABLE)
    if task.n == 1:
        return (call,)
    return Calls(task.n, lambda number: _differing(call, task.sampling, target, number))


def _check_seed(sampling: Sampling, n: int) -> None:
    """Refuse a seed that counts on, from answer to answer, beyond what Ollama can read."""
    most = _MOST_SEED - n + 1
    if sampling.seed is not None and sampling.seed > most:
        raise InvalidRequest(
            f"seed is {sampling.seed}; accepted for this model: at most {most}",
            param="seed",
        )


def _differing(call: Call, sampling: Sampling, target: Target, number: int) -> Call:
    """`call` for answer `number` of several, which differ in their seed.

    What they have in common is written once, however long it is.
    """
    options = render_options(sampling, target, number)
    if not options:
        return call
    parts = (memoryview(call.body)[:-1], b',"options":', write(options), b"}")
    return replace(call, body=b"".join(parts))


def _asked(
    body: Mapping[str, Any], sampling: Sampling, target: Target
) -> dict[str, Any]:
    whole = _for(target, body)
    if sampling.top_logprobs is not None:
        whole["logprobs"] = True
        whole["top_logprobs"] = sampling.top_logprobs
    return whole


def _for(target: Target, body: Mapping[str, Any]) -> dict[str, Any]:
    whole = {"model": target.model, **body}
    if target.keep_alive:
        whole["keep_alive"] = target.keep_alive
    return whole


def _chat(task: Chat) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": list(map(_message, task.messages))}
    if tools := _tools(task):
        body["tools"] = tools
    if task.format:
        body["format"] = task.format
    if task.think is not None:
        body["think"] = task.think
    return body


def _completions(
    task: TextCompletion, target: Target, *, stream: bool
) -> Sequence[Call]:
    """The answers to one prompt after those to the other."""
    if not all(task.prompts):
        raise InvalidRequest(
            "prompt is empty, which this model's server takes for an order to load it",
            param="prompt",
        )
    rest = {"suffix": task.suffix} if task.suffix else {"raw": True}

    def of_prompt(place: int) -> Call:
        asked = {"prompt": task.prompts[place], **rest, "stream": stream}
        body = _asked(asked, task.sampling, target)
        return call_to(PATHS["generate"], body, stream=stream)

    def of_answer(number: int) -> Call:
        place, number = divmod(number, task.n)
        return _differing(prompts[place], task.sampling, target, number)

    prompts = Calls(len(task.prompts), of_prompt)
    return Calls(len(task.prompts) * task.n, of_answer)


def _embeddings(task: Embedding, target: Target) -> Sequence[Call]:
    size = max(1, target.embed_batch)
    rest: dict[str, Any] = {"truncate": task.truncate}
    if task.dimensions:
        rest["dimensions"] = task.dimensions
    if target.context_length:
        rest["options"] = {"num_ctx": target.context_length}

    def of_batch(number: int) -> Call:
        texts = task.inputs[number * size : (number + 1) * size]
        body = _for(target, {"input": texts, **rest})
        return call_to(PATHS["embed"], body, stream=False)

    return Calls(-(-len(task.inputs) // size), of_batch)


def _tools(task: Chat) -> list[dict[str, Any]]:
    """The tools that may be called: Ollama knows no choice but to leave some out."""
    if task.tool_choice == "none":
        return []
    tools = task.tools
    if task.tool_wanted:
        tools = tuple(tool for tool in tools if tool.name == task.tool_wanted)
    if (task.tool_wanted or task.tool_choice == "required") and len(tools) != 1:
        raise InvalidRequest(
            "tool_choice cannot be enforced by this model's server; accepted: auto, none,"
            " or one tool of those given",
            param="tool_choice",
        )
    return list(map(_tool, tools))


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": {**function, **tool.extra}}


_ROLES = {"developer": "system", "function": "tool"}


def _message(message: Message) -> dict[str, Any]:
    """One turn, its images in the same message as its text."""
    told: dict[str, Any] = {
        "role": _ROLES.get(message.role, message.role),
        "content": message.text,
    }
    if message.reasoning:
        told["thinking"] = message.reasoning
    if images := list(_images(message)):
        told["images"] = images
    if message.calls:
        told["tool_calls"] = [
            _tool_call(number, call) for number, call in enumerate(message.calls)
        ]
    if message.name and told["role"] == "tool":
        told["tool_name"] = message.name
    if message.call_id:
        told["tool_call_id"] = message.call_id
    return told


def _images(message: Message) -> Iterator[str]:
    """Images, and sound, which stands in the same place."""
    for part in message.parts:
        if isinstance(part, Image | Audio):
            yield part.data
        elif isinstance(part, RemoteImage):
            raise InvalidRequest(
                "this model's server does not fetch images; send them as data: URLs",
                param="messages",
            )


def _tool_call(number: int, call: ToolCall) -> dict[str, Any]:
    function = {"index": number, "name": call.name, "arguments": _arguments(call)}
    return {"id": call.id, "function": function}


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        told = orjson.loads(call.arguments) if call.arguments.strip() else {}
    except orjson.JSONDecodeError:
        told = None
    if type(told) is not dict:
        raise InvalidRequest(
            f"invalid tool call arguments for {call.name[:100]!r}: they are no JSON object",
            param="messages",
        )
    return told
