"""Log probabilities of tokens, between JSON and values: the shape of chats and the older one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from llmwrap.canonical.events import TokenLogprob

_IMPOSSIBLE = -9999.0
"""What vLLM says for a probability of 0 (0.16), and we for a number that is none."""


def read_logprobs(told: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    """The tokens of a choice, in either shape."""
    if isinstance(tokens := told.get("tokens"), list):
        return _read_older(tokens, told)
    content = told.get("content")
    return tuple(map(_read_token, content)) if isinstance(content, list) else ()


def _read_token(told: Any) -> TokenLogprob:
    fields = told if isinstance(told, dict) else {}
    data = fields.get("bytes")
    top = fields.get("top_logprobs")
    return TokenLogprob(
        str(fields.get("token") or ""),
        _probability(fields.get("logprob")),
        tuple(data) if isinstance(data, list) else None,
        tuple(map(_read_token, top)) if isinstance(top, list) else (),
    )


def _read_older(tokens: list[Any], told: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    values = _list(told, "token_logprobs")
    tops = _list(told, "top_logprobs")
    read = []
    for place, token in enumerate(tokens):
        value = values[place] if place < len(values) else None
        top = tops[place] if place < len(tops) else None
        likely = top.items() if isinstance(top, dict) else ()
        read.append(
            TokenLogprob(
                str(token),
                _probability(value),
                top=tuple(TokenLogprob(str(k), _probability(v)) for k, v in likely),
            )
        )
    return tuple(read)


def _list(told: Mapping[str, Any], name: str) -> list[Any]:
    value = told.get(name)
    return value if isinstance(value, list) else []


def _probability(value: Any) -> float:
    usable = type(value) in (int, float) and math.isfinite(value)
    return float(value) if usable else _IMPOSSIBLE


def render_logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """As chats have it."""
    return {"content": [_render_token(each) for each in tokens], "refusal": None}


def _render_token(each: TokenLogprob) -> dict[str, Any]:
    return _render_alone(each) | {"top_logprobs": list(map(_render_alone, each.top))}


def _render_alone(each: TokenLogprob) -> dict[str, Any]:
    data = each.token.encode() if each.data is None else each.data
    return {"token": each.token, "logprob": each.logprob, "bytes": list(data)}


def render_older_logprobs(tokens: Sequence[TokenLogprob], start: int) -> dict[str, Any]:
    """As text completions have it; `start` is how many characters came before."""
    offsets = []
    for each in tokens:
        offsets.append(start)
        start += len(each.token)
    return {
        "tokens": [each.token for each in tokens],
        "token_logprobs": [each.logprob for each in tokens],
        "top_logprobs": [
            {top.token: top.logprob for top in each.top} for each in tokens
        ],
        "text_offset": offsets,
    }
