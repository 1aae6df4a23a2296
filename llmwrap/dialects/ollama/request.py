"""Reading a client's request, and writing the one that goes to an Ollama upstream.

What is judged, in which order and with which words: Ollama 0.33 (2026-08). What needs to know the
model (its existence, its capabilities) is judged later, by whoever knows it.
"""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.base import Call
from llmwrap.dialects.ollama import names
from llmwrap.dialects.ollama.durations import read_keep_alive
from llmwrap.dialects.ollama.fields import (
    check_answered,
    check_format,
    check_raw,
    check_types,
    inputs_of,
)
from llmwrap.dialects.ollama.go_types import read_body
from llmwrap.dialects.ollama.options import normal_options
from llmwrap.dialects.strict_json import write
from llmwrap.errors import GatewayError
from llmwrap.settings.values import ServiceSettings

PATHS = {form: f"/api/{form}" for form in ("chat", "generate", "embed", "embeddings")}


def read_request(form: str, body: bytes, service: ServiceSettings) -> Request:
    """The request in `body`, judged, in Ollama's own forms and without nulls."""
    told = read_body(body)
    check_types(form, told)
    keep_alive = read_keep_alive(told.get("keep_alive"))
    answers = form in ("chat", "generate")
    if answers:
        check_answered(form, told)
    elif form == "embed":
        told["input"] = inputs_of(told.get("input"))
    if told.get("model") or not service.default_model:
        names.check_name(told.get("model", ""), empty=_without_name(form))
    idle = _idle(form, told, keep_alive)
    if form == "generate" and idle != "unload":
        check_raw(told)
    if idle != "unload" and "options" in told:
        told["options"] = normal_options(told["options"])
    if answers and not idle:
        check_format(told.get("format"))
    return Request(
        operation=_operation(form, told),
        model=told.get("model", ""),
        stream=answers and told.get("stream") is not False,
        body=told,
        defaults=_defaults(service),
        form=form,
        idle=idle,
    )


def _without_name(form: str) -> GatewayError:
    if form in ("generate", "embed"):
        return names.not_found("")
    return names.required()


_ASKED = {"chat": "messages", "generate": "prompt", "embed": "input"}
"""Form -> the field without which nothing is asked of the model."""


def _idle(form: str, told: Mapping[str, Any], keep_alive: float | None) -> str:
    """`load` or `unload` where the model is not asked anything, "" where it is."""
    if told.get(_ASKED.get(form, "prompt")):
        return ""
    unload = form in ("chat", "generate") and keep_alive == 0
    return "unload" if unload else "load"


def _operation(form: str, told: Mapping[str, Any]) -> Operation:
    if form in ("embed", "embeddings"):
        return "embeddings"
    if form == "generate" and (told.get("raw") or told.get("suffix")):
        return "text_completion"
    return "chat"


def _defaults(service: ServiceSettings) -> dict[str, Any]:
    wanted = {
        "temperature": service.default_temperature,
        "top_p": service.default_top_p,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def render_call(request: Request, model: str, defaults: Mapping[str, Any]) -> Call:
    """The call for an upstream: the client's fields in their order, with the model's name.

    `stream` is said where Ollama would otherwise take its absence for yes.
    """
    body = {**request.body, "model": model}
    if defaults:
        body["options"] = {**defaults, **(body.get("options") or {})}
    if request.operation != "embeddings":
        body["stream"] = request.stream
    return call_to(PATHS[request.form], body, stream=request.stream)


def call_to(
    path: str, body: Mapping[str, Any], *, stream: bool, ours: tuple[str, ...] = ()
) -> Call:
    """A call of an Ollama upstream; `ours` as in Call."""
    accept = "application/x-ndjson" if stream else "application/json"
    headers = (("Content-Type", "application/json"), ("Accept", accept))
    return Call("POST", path, headers, write(body), ours)


_PROMPT_PREFIX_BYTES = 1024


def conversation(request: Request) -> bytes:
    """The prefix that all turns of a conversation share: up to the first user message.

    For a generation the start of its system text and prompt; embeddings have none.
    """
    body = request.body
    if request.form == "generate":
        told = [body.get("system", ""), body.get("prompt", "")]
        return write(told)[:_PROMPT_PREFIX_BYTES]
    shared: list[Any] = []
    for message in body.get("messages") or ():
        shared.append(message)
        if message["role"] == "user":
            break
    return write(shared) if request.form == "chat" else b""
