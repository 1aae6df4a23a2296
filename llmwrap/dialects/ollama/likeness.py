"""Lines that hold text and nothing else, which is nearly all of a stream: they are not parsed.

Ollama writes its keys in one order (0.9-0.33, 2026-08). Whatever is not exactly so (an escape, a
control character, another key) goes the ordinary way.
"""

import re
from collections.abc import Mapping
from typing import Any

from llmwrap.dialects.base import LikeFrame

_BEFORE = rb'(\{"model":"[^"\\\x00-\x1f]*"),"created_at":"[0-9T:.Z+-]{20,40}",'
_TEXT = rb'"([^"\\\x00-\x1f\x7f]+)"'
_CHAT = re.compile(
    _BEFORE
    + rb'"message":\{"role":"assistant","content":'
    + _TEXT
    + rb'\},"done":false\}'
)
_GENERATION = re.compile(_BEFORE + rb'"response":' + _TEXT + rb',"done":false\}')


def pattern_of(data: Mapping[str, Any]) -> re.Pattern[bytes]:
    """What the plain lines of a stream look like of which `data` is one line."""
    return _CHAT if "message" in data else _GENERATION


def like_frame(pattern: re.Pattern[bytes], line: bytes) -> LikeFrame | None:
    """A line that holds only text as a frame whose `like` is its beginning with the model's name.

    None for any other line.
    """
    found = pattern.fullmatch(line)
    if not found:
        return None
    try:
        text = found[2].decode()
    except UnicodeDecodeError:
        return None
    return LikeFrame(line, found[1], 0, text)
