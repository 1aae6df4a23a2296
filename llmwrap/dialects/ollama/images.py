"""Images (and sound, which Ollama takes in the same place) as base64, and what they are."""

import base64
import re
from typing import Any

from llmwrap.canonical.tasks import Audio, Image
from llmwrap.dialects.ollama.go_types import mismatch
from llmwrap.errors import InvalidRequest

_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")
_HEAD = 24
"""Base64 characters that hold the 18 bytes by which a format is known."""


def normal_images(values: list[Any], struct: str) -> list[str]:
    """Each as plain base64: without a `data:` prefix, line breaks, or the empty ones."""
    texts = [_normal(value, struct) for value in values if value is not None]
    return [text for text in texts if text]


def _normal(value: Any, struct: str) -> str:
    if type(value) is not str:
        raise mismatch(value, f"{struct}.images", "api.ImageData")
    text = value
    if text.startswith("data:"):
        head, _, data = text.partition(",")
        text = data if head.endswith(";base64") else text
    if _is_base64(text):
        return text
    text = "".join(text.split())
    if _is_base64(text):
        return text
    found = _FOREIGN.search(text)
    place = found.start() if found else len(text)
    raise InvalidRequest(f"illegal base64 data at input byte {place}", param="images")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def part_of(data: str) -> Image | Audio:
    """What some base64 holds, by its first bytes; JPEG where they say nothing (Ollama 0.33)."""
    head = base64.b64decode(data[:_HEAD])
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return Audio("wav", data)
    if head.startswith(b"ID3") or _is_mpeg(head):
        return Audio("mp3", data)
    return Image(_mime_of(head), data)


def _is_mpeg(head: bytes) -> bool:
    """Whether a frame of MPEG audio begins here: eleven set bits."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _mime_of(head: bytes) -> str:
    if head.startswith(b"\x89PNG"):
        return "image/png"
    if head.startswith(b"GIF8"):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return "image/jpeg"
