"""Vectors as the client asked for them, whatever the upstream made of `encoding_format`.

base64 is little-endian float32 in the standard alphabet with padding. The official clients ask
for it unless told otherwise, and an older Node client turns floats into an empty array.
"""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from llmwrap.canonical.messages import Request
from llmwrap.errors import UpstreamProtocolError


def fit_vectors(data: dict[str, Any], request: Request) -> bool:
    """Make every row's `embedding` what was asked for; whether anything changed."""
    changed = False
    for number, row in enumerate(data["data"]):
        if not isinstance(row, dict) or "embedding" not in row:
            raise UpstreamProtocolError(f"the upstream's row {number} has no embedding")
        vector = row["embedding"]
        if request.base64 and isinstance(vector, list):
            row["embedding"] = packed(vector)
            changed = True
        elif isinstance(vector, str) and _floats_asked(request.body):
            row["embedding"] = unpacked(vector)
            changed = True
        elif isinstance(vector, list):
            _refuse_gaps(vector)
    if not isinstance(data.get("usage"), dict):
        data["usage"] = estimated_usage(request.body.get("input"))
        changed = True
    return changed


def _floats_asked(body: Mapping[str, Any]) -> bool:
    return body.get("encoding_format") in (None, "float")


_NO_NUMBERS = "the upstream sent a vector of no numbers"


def _refuse_gaps(vector: list[Any]) -> None:
    """A null is what is left of a NaN; other forms than numbers are the upstream's own."""
    try:
        sum(vector)  # much faster than to look for it
    except TypeError as error:
        if None in vector:
            raise UpstreamProtocolError(_NO_NUMBERS) from error


def packed(vector: Sequence[Any]) -> str:
    """A vector in base64; UpstreamProtocolError where it is none."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, OverflowError) as error:
        raise UpstreamProtocolError(_NO_NUMBERS) from error


def unpacked(text: str) -> list[float]:
    """The vector that base64 says; UpstreamProtocolError where it says none."""
    vector = floats_of(text)
    check_finite(vector)
    return vector


def floats_of(text: str) -> list[float]:
    """The same, whatever numbers are in it."""
    try:
        packed = base64.b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    except (ValueError, struct.error) as error:
        raise UpstreamProtocolError(
            "the upstream sent a vector of no base64"
        ) from error


def check_finite(vector: Sequence[float]) -> None:
    """UpstreamProtocolError where a number of `vector` is none: JSON cannot say it."""
    if not all(map(math.isfinite, vector)):
        raise UpstreamProtocolError("the upstream sent a vector with a NaN or infinity")


def estimated_usage(texts: Any) -> dict[str, int]:
    """Tokens where the upstream counts none: about four bytes each."""
    items = texts if isinstance(texts, list) else [texts]
    tokens = sum(
        len(item.encode()) // 4 + 1
        if isinstance(item, str)
        else len(item)
        if isinstance(item, list)
        else 1
        for item in items
    )
    return {"prompt_tokens": tokens, "total_tokens": tokens}
