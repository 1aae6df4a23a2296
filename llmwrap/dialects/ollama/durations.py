"""Spans of time in the notation of Go (`1h30m`, `-1s`, `0`); refusals in the words of Go 1.24."""

import re
from typing import Any

import orjson

from llmwrap.errors import InvalidRequest

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PIECE = re.compile(r"(?=.)([0-9]*)(\.[0-9]*)?([^.0-9]*)", re.DOTALL)


def read_duration(text: str) -> float:
    """The span in seconds; InvalidRequest in Go's words."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    sign = -1.0 if text[:1] == "-" else 1.0
    if rest == "0":
        return 0.0
    if not rest:
        raise _refusal("invalid duration", text)
    return sign * sum(_seconds(piece, text) for piece in _PIECE.finditer(rest))


def _seconds(piece: re.Match[str], text: str) -> float:
    whole, part, unit = piece[1], piece[2] or "", piece[3]
    if not whole and part in ("", "."):
        raise _refusal("invalid duration", text)
    if not unit:
        raise _refusal("missing unit in duration", text)
    if unit not in _SECONDS:
        raise _refusal(f"unknown unit {_shown(unit)} in duration", text)
    return float(f"{whole or 0}{part}") * _SECONDS[unit]


def _refusal(what: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"time: {what} {_shown(text)}", param="keep_alive")


def _shown(text: str) -> str:
    return orjson.dumps(text[:100]).decode()


def read_keep_alive(value: Any) -> float | None:
    """How long a model is to stay loaded, in seconds; None where nothing was said."""
    if value is None:
        return None
    if type(value) in (int, float):
        return float(value)
    if type(value) is str:
        return read_duration(value)
    kinds = {bool: "bool", list: "[]interface {}"}
    kind = kinds.get(type(value), "map[string]interface {}")
    raise InvalidRequest(f"Unsupported type: '{kind}'", param="keep_alive")
