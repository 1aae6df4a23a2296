"""Reading a client's request, and writing the one that goes upstream."""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.base import Call
from llmwrap.dialects.openai import schemas
from llmwrap.dialects.openai.media import check_media
from llmwrap.dialects.strict_json import read_object, write
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Media, ServiceSettings

PATHS: dict[Operation, str] = {
    "chat": "/chat/completions",
    "text_completion": "/completions",
    "embeddings": "/embeddings",
}

_PROMPT_PREFIX_BYTES = 1024

_JSON = ("Content-Type", "application/json")


def read_request(
    operation: Operation, body: bytes, service: ServiceSettings, media: Media
) -> Request:
    """The request in `body`, judged; nothing in it is changed."""
    value = read_object(body)
    if operation == "chat":
        schemas.judge(schemas.CHAT, value)
        _check_chat(value, service, media)
    elif operation == "text_completion":
        schemas.judge(schemas.TEXT_COMPLETION, value)
        schemas.check_prompt(value)
    else:
        schemas.judge(schemas.EMBEDDINGS, value)
        schemas.check_input(value)
    if operation != "chat" and value.get("messages") is not None:
        schemas.check_messages(value)  # vLLM embeds a conversation, with its pictures
        check_media(value, media)
    options = value.get("stream_options") or {}
    return Request(
        operation=operation,
        model=value.get("model") or "",
        stream=value.get("stream") is True and operation != "embeddings",
        body=value,
        defaults=_defaults(operation, service),
        usage_asked=options.get("include_usage") is True,
        base64=value.get("encoding_format") == "base64",
    )


def _check_chat(
    body: Mapping[str, Any], service: ServiceSettings, media: Media
) -> None:
    required = service.user_input == "required"
    if required and body.get("messages") == []:
        raise InvalidRequest("No valid user input provided", param="messages")
    schemas.check_messages(body)
    check_media(body, media)
    if required and not any(map(_is_user_input, body["messages"])):
        raise InvalidRequest("No valid user input provided", param="messages")


def _is_user_input(message: Mapping[str, Any]) -> bool:
    """Whether a user says something: text that is not blank, or any other part."""
    if message["role"] != "user":
        return False
    content = message.get("content") or ""
    if isinstance(content, str):
        return bool(content.strip())
    return any(
        part["type"] != "text" or str(part.get("text") or "").strip()
        for part in content
    )


def _defaults(operation: Operation, service: ServiceSettings) -> dict[str, Any]:
    if operation != "chat":
        return {}
    wanted = {
        "temperature": service.default_temperature,
        "top_p": service.default_top_p,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def render_call(request: Request, model: str, defaults: Mapping[str, Any]) -> Call:
    """The call for an upstream: the client's fields in their order, with the model's name.

    A stream always asks for usage, so that it can be accounted; who did not ask will not see it.
    """
    body = {**request.body, "model": model}
    for name, value in defaults.items():
        if body.get(name) is None:
            body[name] = value
    if not request.stream:
        return call_to(request.operation, body)
    told = body.get("stream_options") or {}
    body["stream_options"] = {**told, "include_usage": True}
    return call_to(request.operation, body, () if told else ("stream_options",))


def call_to(
    operation: Operation, body: Mapping[str, Any], ours: tuple[str, ...] = ()
) -> Call:
    """The call that sends `body` to an upstream of this dialect; `ours` as in Call."""
    streams = body.get("stream") is True and operation != "embeddings"
    accept = "text/event-stream" if streams else "application/json"
    headers = (_JSON, ("Accept", accept))
    return Call("POST", PATHS[operation], headers, write(body), ours)


def conversation(request: Request) -> bytes:
    """The prefix that all turns of a conversation share: up to the first user message.

    For a text completion the start of the prompt; embeddings have no conversation.
    """
    if request.operation == "text_completion":
        return write(request.body.get("prompt"))[:_PROMPT_PREFIX_BYTES]
    shared: list[Any] = []
    for message in request.body.get("messages") or ():
        shared.append(message)
        if message["role"] == "user":
            break
    return write(shared) if request.operation == "chat" else b""
