"""The names of models in Ollama's grammar: `[host/][namespace/]model[:tag]` (Ollama 0.33).

Wider than Ollama's own where other servers' ids need it: paths, and the `@` of LM Studio.
"""

import re

from llmwrap.errors import GatewayError, InvalidRequest, ModelNotFound

MAX_NAME = 512

_NAME = re.compile(r"/?(?:[\w.@+~:-]+/)*[\w.@+~-]+(?::[\w.@+~-]+)?", re.ASCII)


def check_name(name: str, *, empty: GatewayError) -> None:
    """Refuse a name that is none; blanks around it do not matter, without it `empty`."""
    bare = name.strip()
    if not bare:
        raise empty
    if len(bare) > MAX_NAME or not _NAME.fullmatch(bare):
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
