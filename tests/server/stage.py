"""The model that every test here speaks to, and how it is asked in bytes."""

import json
import threading
from collections.abc import Mapping
from typing import Any

from tests.fakes import (
    LAST_CHUNK,
    Step,
    chat_chunk,
    chunked,
    done,
    send,
    sse,
    sse_head,
    wait,
)
from tests.fakes.recorded import Recorded
from tests.server.cases import request

MODEL = "tiny"
CHAT = "/v1/chat/completions"
CHAT_START = b"POST /v1/chat/completions HTTP/1.1"

PART = sse(chat_chunk({"content": "a"}))
FINISH = sse(chat_chunk({}, "stop"))


def settings_for(url: str, **server: Any) -> dict[str, Any]:
    """An open gateway with one upstream; `server` are settings of that section."""
    pool = {
        "name": "pool",
        "kind": "chat",
        "models": [MODEL],
        "upstreams": [{"name": "fake-1", "url": f"{url}/v1"}],
    }
    return {
        "server": {"trusted_proxies": 1} | server,
        "auth": {"mode": "off"},
        "pools": [pool],
    }


def body_of(text: str = "Hi", **fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}


def posted(body: Mapping[str, Any] | bytes, *lines: bytes) -> bytes:
    """A chat request as bytes, with these further header lines."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = b"Content-Length: %d" % len(data)
    return request(b"Host: gateway", length, *lines, start=CHAT_START, body=data)


def held(gate: threading.Event | threading.Barrier) -> list[Step]:
    """A stream of one part; the rest comes once `gate` is open."""
    rest = chunked(FINISH) + chunked(done()) + LAST_CHUNK
    return [send(sse_head() + chunked(PART)), wait(gate), send(rest)]


def echo(request: Recorded) -> list[Step]:
    """A stream that says what the user said."""
    said = request.json()["messages"][-1]["content"]
    part = sse(chat_chunk({"content": said}))
    whole = chunked(part) + chunked(FINISH) + chunked(done()) + LAST_CHUNK
    return [send(sse_head() + whole)]
