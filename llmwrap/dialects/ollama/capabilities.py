"""What a model must be able to do for a request, and Ollama's words where it cannot (0.33)."""

from collections.abc import Collection

from llmwrap.canonical.messages import Request
from llmwrap.dialects.ollama.names import full_name
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Kind

_GENERATES = ("chat", "generate")


def check_capabilities(
    request: Request, capabilities: Collection[str], kind: Kind
) -> None:
    """Refuse (400) what a model of `kind` with these capabilities cannot do.

    Without any nothing is known of them, and only the kind counts.
    """
    if request.idle == "unload":
        return
    if request.form not in _GENERATES:
        if kind != "embed":
            raise InvalidRequest(
                "this model does not support embeddings", param="model"
            )
        return
    body = request.body
    if capabilities and body.get("think") and "thinking" not in capabilities:
        raise InvalidRequest(
            f'"{request.model}" does not support thinking', param="think"
        )
    if kind == "embed":
        raise InvalidRequest(
            f'"{request.model}" does not support {request.form}', param="model"
        )
    for field, capability in (("tools", "tools"), ("suffix", "insert")):
        if capabilities and body.get(field) and capability not in capabilities:
            raise InvalidRequest(
                f"{full_name(request.model)} does not support {capability}", param=field
            )
