"""What a client of this dialect asks for, as other dialects can write it.

The body has been judged (`schemas`); here is refused what only this dialect can say, and what
only a server of this dialect would have judged.
"""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import (
    Chat,
    Embedding,
    Format,
    Task,
    TextCompletion,
    Think,
)
from llmwrap.dialects.openai.sampling import (
    chat_logprobs,
    completion_logprobs,
    count,
    read_sampling,
)
from llmwrap.dialects.openai.schemas import MAX_CHOICES, refuse
from llmwrap.dialects.openai.tools import read_tools
from llmwrap.dialects.openai.turns import read_turns
from llmwrap.errors import InvalidRequest, MissingParameter, UnsupportedParameter

_EFFORTS: Mapping[str, Think] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "ultra": "max",
    "max": "max",
}

_UNSPEAKABLE = ("logit_bias", "echo", "audio", "prompt_embeds")
"""Fields without a word in other dialects, whose loss would change the answer."""


def read_task(request: Request) -> Task:
    """The task of a request; the service's defaults hold where the client said nothing."""
    body = dict(request.body)
    for name, value in request.defaults.items():
        if body.get(name) is None:
            body[name] = value
    for name in _UNSPEAKABLE:
        if body.get(name):
            _cannot_say(name)
    if request.operation == "chat":
        return _chat(body)
    if request.operation == "embeddings":
        return _embedding(body)
    return _completion(body)


def _cannot_say(name: str) -> None:
    raise UnsupportedParameter(f"{name} is not supported by this model", param=name)


def _chat(body: Mapping[str, Any]) -> Chat:
    tools = read_tools(body)
    return Chat(
        messages=read_turns(body["messages"]),
        tools=tools.tools,
        tool_choice=tools.tool_choice,
        tool_wanted=tools.tool_wanted,
        format=_format(body),
        think=_think(body),
        sampling=read_sampling(body, chat_logprobs(body)),
        n=body.get("n") or 1,
    )


def _completion(body: Mapping[str, Any]) -> TextCompletion:
    n = body.get("n") or 1
    if count(body, "best_of") not in (None, n):
        _cannot_say("best_of")
    suffix = body.get("suffix") or ""
    if not isinstance(suffix, str):
        refuse("suffix", suffix, "a string")
    prompts = _texts(body, "prompt")
    if len(prompts) * n > MAX_CHOICES:
        raise InvalidRequest(
            f"prompt has {len(prompts)} items, each {n} times; accepted for this model: at"
            f" most {MAX_CHOICES} answers",
            param="prompt",
        )
    return TextCompletion(
        prompts=prompts,
        suffix=suffix,
        sampling=read_sampling(body, completion_logprobs(body)),
        n=n,
    )


def _embedding(body: Mapping[str, Any]) -> Embedding:
    if body.get("input") is None:
        raise MissingParameter("input is missing", param="input")
    form = body.get("encoding_format")
    if form not in (None, "float", "base64"):
        refuse("encoding_format", form, "'float' or 'base64'")
    return Embedding(
        inputs=_texts(body, "input"),
        dimensions=body.get("dimensions") or 0,
        truncate=body.get("truncate") is not False,
    )


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """One text or several; null is the empty one."""
    value = body.get(name) or ""
    texts = [value] if isinstance(value, str) else value
    if any(type(text) is not str for text in texts):
        raise InvalidRequest(
            f"token input is not supported by this model; send {name} as text",
            param=name,
        )
    return tuple(texts)


def _format(body: Mapping[str, Any]) -> Format:
    told = body.get("response_format")
    if told is None or told.get("type") == "text":
        return ""
    kind = told.get("type")
    if kind not in ("json_object", "json_schema"):
        refuse("response_format.type", kind, "'text', 'json_object' or 'json_schema'")
    holder = told.get("json_schema")
    schema = (holder if isinstance(holder, dict) else told).get("schema")
    if isinstance(schema, dict):
        return schema
    if kind == "json_schema" or schema is not None:
        refuse("response_format.json_schema.schema", schema, "a JSON schema")
    return "json"


def _think(body: Mapping[str, Any]) -> Think:
    reasoning = body.get("reasoning")
    param, effort = "reasoning_effort", body.get("reasoning_effort")
    if effort is None and isinstance(reasoning, dict):
        param, effort = "reasoning.effort", reasoning.get("effort")
    if effort is not None:
        if not isinstance(effort, str) or effort not in _EFFORTS:
            refuse(param, effort, ", ".join(_EFFORTS))
        return _EFFORTS[effort]
    variables = body.get("chat_template_kwargs")
    if isinstance(variables, dict):
        for name in ("enable_thinking", "thinking"):
            if isinstance(variables.get(name), bool):
                return bool(variables[name])
    return _own_word(body.get("think"))


def _own_word(think: Any) -> Think:
    """Ollama's `think`, which its users send here too."""
    if think is None or isinstance(think, bool):
        return think
    if think not in ("low", "medium", "high", "max"):
        refuse("think", think, "true, false, low, medium, high or max")
    level: Think = think
    return level
