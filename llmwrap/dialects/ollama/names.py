"""The names of models: `[host/][namespace/]model[:tag]` in Ollama's own grammar (0.33).

A name is not held to it: what other servers call their models is listed as it is and can be
asked for as it is listed (`My Model`, `C:\\models\\a.gguf`). Any other is not found.
"""

import re

from llmwrap.canonical.names import MAX_NAME
from llmwrap.errors import GatewayError, InvalidRequest, ModelNotFound

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_name(name: str, *, empty: GatewayError) -> None:
    """Refuse what is no name anywhere; blanks around it do not matter, without it `empty`."""
    bare = name.strip()
    if not bare:
        raise empty
    if len(bare) > MAX_NAME or _CONTROL.search(bare):
        raise InvalidRequest("invalid model name", param="model")


def not_found(name: str) -> ModelNotFound:
    """No such model, in Ollama's words; `name` as it was asked for."""
    return ModelNotFound(f"model '{name[:MAX_NAME]}' not found")


def required() -> InvalidRequest:
    """No model was named, in the words of `/api/chat`."""
    return InvalidRequest("model is required", param="model")


def full_name(name: str) -> str:
    """The name with all that it leaves out, such as `registry.ollama.ai/library/x:latest`."""
    path, slash, last = name.strip().rpartition("/")
    if ":" not in last:
        last += ":latest"
    parts = path.split("/") if slash else []
    missing = ("registry.ollama.ai", "library")[: max(0, 2 - len(parts))]
    return "/".join((*missing, *parts, last))
