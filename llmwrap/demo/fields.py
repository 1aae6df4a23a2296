"""Reading the fields of a request body; every refusal names the field."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmwrap.demo.pools import DEMO_MODELS
from llmwrap.errors import (
    InvalidJson,
    InvalidRequest,
    MissingParameter,
    ModelNotFound,
)

Json = dict[str, Any]


def read_object(body: bytes) -> Json:
    """Return the JSON object that `body` is; raises InvalidJson."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as cause:
        raise InvalidJson(f"the body is not JSON: {cause}") from cause
    if not isinstance(value, dict):
        raise InvalidJson("the body is not a JSON object")
    return value


def read_model(body: Json, served: Sequence[str]) -> str:
    """Return the model's name; `served` are the models that this operation accepts."""
    model = body.get("model")
    if model is None:
        raise MissingParameter("the field 'model' is missing", param="model")
    if model not in DEMO_MODELS.values():
        raise ModelNotFound(
            f"model {model!r} is not served by the demo;"
            f" available: {', '.join(DEMO_MODELS.values())}"
        )
    if model not in served:
        raise InvalidRequest(
            f"model {model!r} cannot do this; accepted: {', '.join(served)}",
            param="model",
        )
    return str(model)


def read_integer(body: Json, name: str, accepted: range) -> int | None:
    """Return an optional whole number within `accepted`; null is absent."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value not in accepted:
        raise InvalidRequest(
            f"{name} is {value!r}; accepted: a whole number from {accepted[0]}"
            f" to {accepted[-1]}",
            param=name,
        )
    return value


def read_stream(body: Json) -> bool:
    """Return whether the answer is to be streamed."""
    value = body.get("stream")
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidRequest(
        f"stream is {value!r}; accepted: true, false or null", param="stream"
    )


def wants_usage(body: Json) -> bool:
    """Return whether a stream is to end with its usage."""
    options = read_mapping(body, "stream_options")
    if options and not body.get("stream"):
        raise InvalidRequest(
            "stream_options is accepted only with stream: true", param="stream_options"
        )
    return options.get("include_usage") is True


def read_mapping(body: Json, name: str) -> Mapping[str, Any]:
    """Return an optional object; empty when absent or null."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} is not an object", param=name)
    return value


def read_objects(body: Json, name: str) -> list[Json]:
    """Return an optional list of objects; empty when absent or null."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidRequest(f"{name} is not a list of objects", param=name)
    return value


def read_texts(body: Json, name: str) -> list[str]:
    """Return a text or a list of texts as a list; token ids are refused."""
    value = body.get(name)
    if value is None:
        raise MissingParameter(f"the field {name!r} is missing", param=name)
    texts = [value] if isinstance(value, str) else value
    if not texts or not isinstance(texts, list):
        raise InvalidRequest(f"{name} is empty or not text", param=name)
    if not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(
            f"{name} has items that are not text; the demo has no tokenizer,"
            " send strings instead of token ids",
            param=name,
        )
    return texts
