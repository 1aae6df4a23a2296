"""Well-formed answers in bytes and steps; malformed ones a test writes out itself."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from tests.fakes.steps import Step, close, send

Header = tuple[str, str]

LAST_CHUNK = b"0\r\n\r\n"
"""Ends a chunked body."""


def head(status: int, *headers: Header) -> bytes:
    """Status line, `headers` and blank line; the framing is up to the caller."""
    known = {item.value: item.phrase for item in HTTPStatus}
    lines = [f"HTTP/1.1 {status} {known.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def json_answer(
    status: int, value: object, headers: Iterable[Header] = ()
) -> list[Step]:
    """A whole JSON answer with its Content-Length."""
    body = json.dumps(value).encode()
    content = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
    )
    return [send(head(status, *content, *headers) + body)]


def models(*ids: str) -> list[Step]:
    """The answer of `GET /v1/models`."""
    listed = [
        {"id": name, "object": "model", "created": 1700000000, "owned_by": "fake"}
        for name in ids
    ]
    return json_answer(200, {"object": "list", "data": listed})


def sse_head(*headers: Header) -> bytes:
    """The head of a chunked event stream."""
    content = (
        ("Content-Type", "text/event-stream; charset=utf-8"),
        ("Transfer-Encoding", "chunked"),
    )
    return head(200, *content, *headers)


def sse(value: object) -> bytes:
    """One event with `value` as compact JSON, non-ASCII as it is."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + text.encode() + b"\n\n"


def done() -> bytes:
    """The event that ends an OpenAI stream."""
    return b"data: [DONE]\n\n"


def chunked(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream(events: Iterable[bytes]) -> list[Step]:
    """A whole chunked event stream: a write for the head, each event and the end."""
    body = [send(chunked(event)) for event in events]
    return [send(sse_head()), *body, send(LAST_CHUNK)]


def stream_until_close(events: Iterable[bytes]) -> list[Step]:
    """An event stream in HTTP/1.0 form, as mlx-lm sends it: only the close ends it."""
    start = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    return [send(start), *(send(event) for event in events), close()]


def chat_chunk(
    delta: Mapping[str, object], finish_reason: str | None = None
) -> dict[str, Any]:
    """One `chat.completion.chunk` of the model `tiny`, choice 0."""
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "tiny",
        "choices": [choice],
    }


def chat_events(*texts: str) -> list[bytes]:
    """A whole chat stream: role, one event for each text, `stop`, `[DONE]`."""
    deltas = [{"role": "assistant", "content": ""}, *({"content": t} for t in texts)]
    return [*(sse(chat_chunk(d)) for d in deltas), sse(chat_chunk({}, "stop")), done()]


def chat_answer(text: str) -> list[Step]:
    """A whole plain chat answer of the model `tiny`; usage is 3 + 2 tokens."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    value = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    return json_answer(200, value)
