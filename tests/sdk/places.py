"""Where a client may point its base URL, and what answers there."""

from collections.abc import Callable
from dataclasses import dataclass

from openai import OpenAI

KEY = "sk-for-the-tests-only"
READER = "rita"
READER_PASSWORD = "reading only"

OpenClient = Callable[..., OpenAI]
"""Makes a client for a prefix; more keywords go to `OpenAI`. The fixture closes it."""


@dataclass(frozen=True)
class Place:
    """A prefix; `model` is a demo model that generates, `scripted` one of the fake."""

    prefix: str
    model: str = ""
    scripted: str = ""
    embeds: bool = False
    unknown_model_code: str = "model_not_found"
    upstream_error_status: int = 502


CHAT, CODE, EMBED = "llmwrap-demo-chat", "llmwrap-demo-code", "llmwrap-demo-embed"

PLACES = (
    Place("/v1", CHAT, "tiny", True, "invalid_model", 500),
    Place("/api/v1", CODE, "tiny", True),
    Place("/chat/v1", CHAT, "tiny"),
    Place("/code/v1", CODE, "tiny-code"),
    Place("/embed/v1", embeds=True),
    Place("", CHAT, "tiny", True, "invalid_model", 500),
)
GENERATING = tuple(place for place in PLACES if place.model)
EMBEDDING = tuple(place for place in PLACES if place.embeds)

OF_KIND = {
    "/chat/v1": [CHAT, "tiny", "team/tiny"],
    "/code/v1": [CODE, "tiny-code"],
    "/embed/v1": [EMBED],
}
EVERY_MODEL = [CHAT, CODE, EMBED, "tiny", "team/tiny", "tiny-code"]


def name_of(place: Place) -> str:
    """How a test's id shows it."""
    return place.prefix or "root"
