"""The models that a service offers, as OpenAI's `/models` lists them."""

from collections.abc import Sequence
from typing import Any

import orjson

from llmwrap.dialects.base import Offer

_PASSED_ON = ("max_model_len", "context_length", "max_context_length")
"""Extra keys of an upstream's entry that clients read (Continue reads `max_model_len`)."""


def render_models(offers: Sequence[Offer]) -> bytes:
    """The whole list."""
    return orjson.dumps({"object": "list", "data": [_entry(each) for each in offers]})


def render_model(offer: Offer) -> bytes:
    """One entry of it."""
    return orjson.dumps(_entry(offer))


def _entry(offer: Offer) -> dict[str, Any]:
    extra = offer.model.extra
    digest = str(extra.get("digest") or "")
    entry = {
        "id": offer.name,
        "object": "model",
        "created": offer.model.created,
        "owned_by": offer.owned_by,
        "root": f"sha256:{digest.removeprefix('sha256:')}" if digest else offer.name,
    }
    return entry | {key: extra[key] for key in _PASSED_ON if key in extra}
