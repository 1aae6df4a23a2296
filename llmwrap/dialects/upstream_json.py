"""JSON of upstreams that `orjson` does not take or write: the slow way, after the fast one failed.

Servers written in Python send NaN, infinities and halves of surrogate pairs (vLLM 0.16). What is
read here can be written as strict JSON. The reader of clients' JSON is `strict_json`.
"""

import json
import math
import re
from typing import Any

import orjson

from llmwrap.errors import UpstreamProtocolError

_IMPOSSIBLE = -9999.0
"""What vLLM says for a probability of 0 (0.16); clients take no null for a log probability."""

_HALF = re.compile("[\ud800-\udfff]")


def read_object(data: bytes, what: str) -> tuple[dict[str, Any], bool]:
    """The object that `data` says, and whether it is JSON that every client can read.

    UpstreamProtocolError where it is none, naming `what`.
    """
    proper = True
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value, proper = read_odd(data, what), False
    if not isinstance(value, dict):
        raise UpstreamProtocolError(f"the upstream sent {what} that is no object")
    return value, proper


def read_odd(data: bytes, what: str) -> Any:
    """The value that `data` says; UpstreamProtocolError where it is no JSON, naming `what`.

    A number that is none becomes null, among log probabilities -9999.0; half a pair becomes
    U+FFFD.
    """
    try:
        return _settled(json.loads(data.decode(), parse_int=_number), None)
    except (ValueError, RecursionError) as error:
        raise UpstreamProtocolError(
            f"the upstream sent {what} that is not JSON"
        ) from error


def _number(digits: str) -> int | float:
    """As `orjson` reads it: a float where 64 bits are not enough."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)


def _settled(value: Any, no_number: float | None) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else no_number
    if isinstance(value, list):
        return [_settled(each, no_number) for each in value]
    if isinstance(value, dict):
        return {
            _HALF.sub("\ufffd", name): _settled(
                each, _IMPOSSIBLE if name == "logprobs" else no_number
            )
            for name, each in value.items()
        }
    return value


def written(value: Any) -> bytes:
    """What an upstream said as JSON again; UpstreamProtocolError where it nests too deep."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise UpstreamProtocolError(
            "the upstream sent JSON that nests too deep"
        ) from error
