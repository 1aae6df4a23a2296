"""From a request to the demo's answer: routes, models, embeddings. No IO, no clock."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType

from llmwrap.demo.fields import (
    Json,
    read_integer,
    read_model,
    read_object,
    read_texts,
)
from llmwrap.demo.generation import CREATED, Answer, chat, text_completion
from llmwrap.demo.pools import DEMO_MODELS, DEMO_OWNER
from llmwrap.demo.vectors import (
    DEFAULT_DIMENSIONS,
    MAX_DIMENSIONS,
    embed_text,
    floats_of,
)
from llmwrap.errors import InvalidRequest, MethodNotAllowed, NotFound

EMBEDDING = (DEMO_MODELS["embed"],)
MAX_INPUTS = 2048


def list_models() -> Json:
    """Answer `GET /models`."""
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": CREATED, "owned_by": DEMO_OWNER}
            for name in DEMO_MODELS.values()
        ],
    }


def embeddings(body: Json) -> Json:
    """Answer `POST /embeddings`: hashed words, see `vectors`."""
    model = read_model(body, EMBEDDING)
    texts = read_texts(body, "input")
    if "" in texts or len(texts) > MAX_INPUTS:
        raise InvalidRequest(
            f"input has an empty text or more than {MAX_INPUTS} texts", param="input"
        )
    dimensions = read_integer(body, "dimensions", range(1, MAX_DIMENSIONS + 1))
    render = _vector_renderer(body)
    vectors = [embed_text(text, dimensions or DEFAULT_DIMENSIONS) for text in texts]
    words = sum(len(text.split()) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": i, "embedding": render(vector)}
            for i, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }


def _vector_renderer(body: Json) -> Callable[[bytes], object]:
    encoding = body.get("encoding_format") or "float"
    if encoding == "float":
        return floats_of
    if encoding == "base64":
        return _base64
    raise InvalidRequest(
        f"encoding_format is {encoding!r}; accepted: float, base64",
        param="encoding_format",
    )


def _base64(vector: bytes) -> str:
    return b64encode(vector).decode()


POSTS: Mapping[str, Callable[[Json], Answer]] = MappingProxyType(
    {
        "/v1/chat/completions": chat,
        "/v1/completions": text_completion,
        "/v1/embeddings": embeddings,
    }
)


def answer(method: str, target: str, body: bytes) -> Answer:
    """Answer one request; `target` is its path, with or without a query.

    Raises InvalidRequest, always before the first chunk of a stream.
    """
    path = target.partition("?")[0]
    if path == "/v1/models":
        _require(method, "GET")
        return list_models()
    if path not in POSTS:
        raise NotFound(f"no such path: {path}")
    _require(method, "POST")
    return POSTS[path](read_object(body))


def _require(method: str, accepted: str) -> None:
    if method != accepted:
        raise MethodNotAllowed(
            f"{method} is not allowed here; accepted: {accepted}",
            headers=(("Allow", accepted),),
        )
