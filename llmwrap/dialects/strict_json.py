"""The one reader of JSON from clients: UTF-8 only, no NaN, bounded depth, one object on top.

What it accepts can always be written again: what goes upstream is re-serialised from here, so
no second reading of a body (duplicate keys, odd encodings) can differ from ours.
"""

from typing import Any

import orjson

from llmwrap.errors import InvalidJson


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; InvalidJson (400) for anything else."""
    if not body:
        raise InvalidJson("the body is empty; a JSON object is expected")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(f"the body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidJson(f"the body is {_kind(value)}; a JSON object is expected")
    return value


def write(value: Any) -> bytes:
    """`value` as compact UTF-8 JSON, key order kept; InvalidJson when it nests over 254 deep."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise InvalidJson(f"the body cannot be passed on: {error}") from error


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
