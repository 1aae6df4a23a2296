"""Which kinds of model can do what, for dialects that tell no more of a model than its name."""

from llmwrap.canonical.messages import Request
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Kind


def check_kind(request: Request, kind: Kind) -> None:
    """400 where texts are sent to a model for vectors, or the reverse."""
    embeds = kind == "embed"
    if embeds == (request.operation == "embeddings"):
        return
    what = "an embedding model" if embeds else "no embedding model"
    raise InvalidRequest(
        f"model {request.model!r} is {what} and cannot serve this operation",
        param="model",
    )
