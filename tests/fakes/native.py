"""Well-formed answers of an Ollama server in bytes and steps (0.33, 2026-08)."""

import json
from collections.abc import Iterable
from threading import Event
from typing import Any

from tests.fakes.answers import LAST_CHUNK, chunked, head, json_answer
from tests.fakes.connection import Connection
from tests.fakes.steps import Step, send

PAUSE_S = 0.005

Line = dict[str, Any]

MODEL = "llama3.2"
"""The model that every line is of."""

FIGURES = {
    "total_duration": 900,
    "load_duration": 100,
    "prompt_eval_count": 7,
    "prompt_eval_duration": 300,
    "eval_count": 2,
    "eval_duration": 500,
}
"""Nanoseconds, and the tokens of an answer."""

END: Line = {"done": True, "done_reason": "stop", **FIGURES}


def chat_line(text: str = "", **fields: Any) -> Line:
    """One line of a chat; more of what is said goes into `message` by the caller."""
    message = {"role": "assistant", "content": text}
    return {**_stamp(), "message": message, "done": False, **fields}


def said_line(**said: Any) -> Line:
    """A line of a chat that says something else than text."""
    line = chat_line()
    line["message"] |= said
    return line


def generate_line(text: str = "", **fields: Any) -> Line:
    """One line of a generation."""
    return {**_stamp(), "response": text, "done": False, **fields}


def begun(lines: Iterable[Line]) -> list[Step]:
    """The head of a chunked stream and these lines, a write for each; it is not ended."""
    content = ("Content-Type", "application/x-ndjson")
    start = head(200, content, ("Transfer-Encoding", "chunked"))
    return [send(start), *(send(chunked(raw(line))) for line in lines)]


def ndjson(lines: Iterable[Line]) -> list[Step]:
    """A whole stream."""
    return [*begun(lines), send(LAST_CHUNK)]


def raw(line: Line) -> bytes:
    """A line as Go writes it: compact, beyond ASCII as it is but for U+2028 and U+2029."""
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text.encode() + b"\n"


def drip(data: bytes, gone: Event) -> Step:
    """`data` again and again, with a moment between, until the peer hangs up."""

    def step(connection: Connection) -> None:
        pause = Event()
        while not connection.peer:
            connection.send(data)
            pause.wait(PAUSE_S)
        gone.set()

    return step


def tags(*names: str) -> list[Step]:
    """The answer of `GET /api/tags`."""
    return json_answer(200, {"models": [_entry(name) for name in names]})


def vectors(rows: list[list[float]], prompt: int) -> list[Step]:
    """The answer of `POST /api/embed`."""
    told = {"model": MODEL, "embeddings": rows, "prompt_eval_count": prompt}
    return json_answer(200, told)


def _stamp() -> Line:
    return {"model": MODEL, "created_at": "2026-01-02T03:04:05.123456Z"}


def _entry(name: str) -> Line:
    return {
        "name": name,
        "model": name,
        "modified_at": "2025-05-04T17:37:44.706015396-07:00",
        "size": 2019393189,
        "digest": "a6990ed6be412c6a217614b0ec8e9cd6800a743d5dd7e1d7fbe9df09e61d5615",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        },
    }
