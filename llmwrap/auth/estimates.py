"""What a request will cost about, in tokens, before anybody has read it. Plain values.

A guess that bounds what is asked for at once; what an answer cost is charged at its end. So a
bound counts only where it bounds: a name that its path has no use for would be a decoy.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

ANSWER_TOKENS = 512
"""Reserved for the answer to a request that does not bound it."""
MAX_PROMPT_TOKENS = 32_768
"""Reserved for a prompt at most: what is longer is mostly pictures."""
BYTES_PER_TOKEN = 4

_PARSED_BYTES = 65_536
"""What is longer is mostly prompt: its ends are searched, and nothing in them is for certain."""

_BOUNDS = (
    ("/chat/completions", ("max_tokens", "max_completion_tokens")),
    ("/completions", ("max_tokens",)),
    ("/messages", ("max_tokens",)),
    ("/responses", ("max_output_tokens",)),
)
"""End of a path -> the fields that bound an answer there; elsewhere an option does."""

_SOME_BOUND = re.compile(
    rb'"(?:max(?:_completion|_output)?_tokens|num_predict)"\s*:\s*(\d{1,7})\b'
)


class Estimate(NamedTuple):
    """Tokens of the prompt, by its length, and of an answer as long as it may be."""

    prompt: int
    answer: int


def estimate_tokens(path: str, body: bytes) -> Estimate:
    """The estimate of a request to `path`."""
    prompt = min(len(body) // BYTES_PER_TOKEN, MAX_PROMPT_TOKENS)
    if len(body) > _PARSED_BYTES:
        ends = body[:_PARSED_BYTES] + body[_PARSED_BYTES:][-_PARSED_BYTES:]
        found = (int(each[1]) for each in _SOME_BOUND.finditer(ends))
        return Estimate(prompt, max((ANSWER_TOKENS, *found)))
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None  # it will be refused
    bound = _bound(path, asked) if isinstance(asked, dict) else None
    return Estimate(prompt, ANSWER_TOKENS if bound is None else bound)


def _bound(path: str, asked: Mapping[str, Any]) -> int | None:
    """The largest bound on the answer, None where there is none."""
    for end, names in _BOUNDS:
        if path.endswith(end):
            counts = (_count(asked.get(name)) for name in names)
            return max((each for each in counts if each is not None), default=None)
    options = asked.get("options")
    most = options.get("num_predict") if isinstance(options, dict) else None
    return _count(most) or None  # nothing, or less, is no bound in Ollama


def _count(value: Any) -> int | None:
    """`value` as a number of tokens, None for what is none."""
    return int(value) if type(value) in (int, float) and value >= 0 else None
