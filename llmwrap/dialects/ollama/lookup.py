"""Requests about a model that ask nothing of it (`/api/show`, `/api/pull`), Ollama 0.33."""

from dataclasses import dataclass

from llmwrap.dialects.ollama.go_types import BOOL, STRING, check, read_body
from llmwrap.dialects.ollama.names import check_name, required


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which model, as it was named, and whether the answer is to come as a stream."""

    name: str
    stream: bool


def read_lookup(struct: str, body: bytes) -> Lookup:
    """The model is in `model`, or in the older `name`; 400 where it is in neither."""
    told = read_body(body)
    check(struct, {"model": STRING, "name": STRING, "stream": BOOL}, told)
    name = told.get("model") or told.get("name") or ""
    check_name(name, empty=required())
    return Lookup(name, told.get("stream") is not False)
