"""The models that a service offers, as Ollama lists and shows them; whatever runs them.

Keys and types: Ollama 0.33, 2026-08. Its clients parse them strictly: no text of `details` may be
null (Zed), a digest has 64 hex digits (`ollama list` slices it) and belongs to one model (`llm`
takes models that share one for one, and keeps capabilities by it).
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmwrap.canonical.names import tagged
from llmwrap.dialects.base import Offer
from llmwrap.dialects.ollama.times import rfc3339

DEFAULT_CONTEXT = 4096
"""Tokens, where neither the operator nor the upstream tells: Ollama's own smallest default."""

_TEMPLATE = "{{ .Prompt }}"
_GAP_TEMPLATE = "{{ .Prompt }}{{ .Suffix }}"
"""Continue fills gaps where it finds `.Suffix`."""

TEMPLATES = (_TEMPLATE, _GAP_TEMPLATE)
"""What is shown as the template of a model: whoever sends it back asks for nothing else."""

_UNKNOWN = "unknown"
"""The family of a model whose upstream does not tell it; clients look keys up by it."""

_LENGTHS = ("context_length", "max_model_len", "max_context_length")
_META_LENGTHS = ("n_ctx", "n_ctx_train")
"""Keys of `meta` in llama.cpp's entries (2026); the first is there in newer builds only."""

_DETAILS = ("format", "family", "parameter_size", "quantization_level")
_SIZES = ("context_length", "embedding_length")
_HEX = frozenset("0123456789abcdef")


def render_models(offers: Sequence[Offer]) -> bytes:
    """`/api/tags`: every offer under a name with a tag."""
    return orjson.dumps({"models": _entries(offers)})


def render_loaded(offers: Sequence[Offer], until: float) -> bytes:
    """`/api/ps`: all of them, since an upstream holds what it lists; `until` is Unix seconds."""
    rows = [
        {
            "name": entry["name"],
            "model": entry["model"],
            "size": entry["size"],
            "digest": entry["digest"],
            "details": entry["details"],
            "expires_at": rfc3339(until),
            "size_vram": entry["size"],
            "context_length": entry["details"]["context_length"],
        }
        for entry in _entries(offers)
    ]
    return orjson.dumps({"models": rows})


def render_model(offer: Offer) -> bytes:
    """`/api/show`; `offer.name` is the name that was asked for (Copilot shows it)."""
    details = _details(offer)
    capabilities = _capabilities(offer)
    length = details["context_length"]
    family = details["family"]
    info = {
        "general.architecture": family,
        "general.basename": offer.name,
        **{f"{family}.{key}": details[key] for key in _SIZES if key in details},
    }
    shown = {
        "modelfile": f"FROM {tagged(offer.name)}\n",
        "parameters": f"{'num_ctx':<30} {length}",
        "template": _GAP_TEMPLATE if "insert" in capabilities else _TEMPLATE,
        "details": details,
        "model_info": info,
        "capabilities": capabilities,
        "modified_at": _modified(offer),
    }
    return orjson.dumps(shown)


def _entries(offers: Sequence[Offer]) -> list[dict[str, Any]]:
    """One for each name: `x` stands for `x:latest` unless that is offered too."""
    named: dict[str, Offer] = {}
    for offer in offers:
        name = tagged(offer.name)
        if offer.name == name or name not in named:
            named[name] = offer
    told = Counter(_told_digest(offer) for offer in named.values())
    entries = []
    for name, offer in named.items():
        digest = _told_digest(offer)
        distinct = digest and told[digest] == 1
        entries.append(
            _entry(name, offer, digest if distinct else _digest(name, offer))
        )
    return entries


def _entry(name: str, offer: Offer, digest: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": _modified(offer),
        "size": _count(offer.model.extra.get("size")),
        "digest": digest,
        "details": _details(offer),
        "capabilities": _capabilities(offer),
    }


def _digest(name: str, offer: Offer) -> str:
    """The same after a restart; another one when something that clients keep by it changes."""
    capabilities = sorted(_capabilities(offer))
    facts = [name, offer.model.id, capabilities, _details(offer)["context_length"]]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()


def _told_digest(offer: Offer) -> str:
    """The upstream's own, where it has one and the operator says nothing else of the model."""
    told = str(offer.model.extra.get("digest") or "").removeprefix("sha256:")
    changed = offer.pool.capabilities or offer.pool.context_length
    return told if len(told) == 64 and _HEX.issuperset(told) and not changed else ""


def _details(offer: Offer) -> dict[str, Any]:
    told = _table(offer.model.extra.get("details"))
    details: dict[str, Any] = {"parent_model": _text(told.get("parent_model"))}
    details |= {name: _text(told.get(name)) for name in _DETAILS}
    details["format"] = details["format"] or "gguf"
    details["family"] = family = details["family"] or _UNKNOWN
    families = told.get("families")
    listed = families if isinstance(families, list) else []
    details["families"] = [each for each in listed if isinstance(each, str)] or [family]
    details["context_length"] = _context_length(offer, told)
    if length := _count(told.get("embedding_length")):
        details["embedding_length"] = length
    return details


def _context_length(offer: Offer, details: Mapping[str, Any]) -> int:
    """Tokens: what the operator says, else the upstream's list, else a guess that fits all."""
    extra, meta = offer.model.extra, _table(offer.model.extra.get("meta"))
    told = (
        details.get("context_length"),
        *map(extra.get, _LENGTHS),
        *map(meta.get, _META_LENGTHS),
    )
    known = (offer.pool.context_length, *map(_count, told))
    return next(filter(None, known), DEFAULT_CONTEXT)


def _capabilities(offer: Offer) -> list[str]:
    """In Ollama's words; what the operator says counts, then what an Ollama upstream lists."""
    pool, told = offer.pool, offer.model.extra.get("capabilities")
    kind = "embedding" if pool.kind == "embed" else "completion"
    if not pool.capabilities and isinstance(told, list) and told:
        return [each for each in told if isinstance(each, str)]
    words = list(pool.capabilities) or ([] if kind == "embedding" else ["tools"])
    if pool.fill_in_middle and "insert" not in words:
        words.append("insert")
    return [kind, *words]


def _modified(offer: Offer) -> str:
    told = offer.model.extra.get("modified_at")
    return told if isinstance(told, str) and told else rfc3339(offer.model.created)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0
