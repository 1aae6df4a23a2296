"""JSON of ASCII bytes alone, which is what a line for an Ollama client has to be.

Readers that split text at U+0085, U+2028 and their kin (httpx 0.28 in ollama-python 0.6.3) tear a
line with a raw one in it. Everything else is `orjson`'s.
"""

import json
from typing import Any

from llmwrap.errors import UpstreamProtocolError

quoted = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""A string as an ASCII JSON string; one C call."""


def written(value: Any) -> bytes:
    """What an upstream said as ASCII JSON; UpstreamProtocolError where that cannot be."""
    try:
        return quoted(value).encode()
    except (ValueError, RecursionError) as error:
        raise UpstreamProtocolError(
            "the upstream sent JSON that cannot be written again"
        ) from error
