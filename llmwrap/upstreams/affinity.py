"""The same conversation to the same upstream, so that its turns find their prefix cached.

Rendezvous hashing: every worker and host orders the upstreams alike for a key, without shared
state, and when one comes or goes only its own conversations move.
"""

import hashlib
from collections.abc import Sequence

from llmwrap.upstreams.upstream import Upstream

BOUND = 1.25
"""An upstream with more than this share of the mean load passes its conversations on."""


def conversation_key(model: str, told: bytes) -> bytes:
    """What keeps a conversation together: its model, and its name or its beginning."""
    return hashlib.sha256(model.encode() + b"\0" + told).digest()


def by_affinity(upstreams: Sequence[Upstream], key: bytes) -> tuple[Upstream, ...]:
    """`upstreams` in the order in which `key` prefers them."""
    return tuple(sorted(upstreams, key=lambda each: _score(each, key), reverse=True))


def affinity(candidates: Sequence[Upstream], _turn: int) -> Upstream:
    """The first, in the order of preference, whose load is within the bound.

    The load counts the request that is to be placed, so an idle pool keeps its preference.
    """
    load = sum(each.in_flight for each in candidates) + 1
    most = BOUND * load / len(candidates)
    for each in candidates:
        if each.in_flight + 1 <= max(most, 1):
            return each
    return min(candidates, key=lambda each: each.in_flight)


def _score(upstream: Upstream, key: bytes) -> bytes:
    return hashlib.blake2b(upstream.name.encode(), key=key, digest_size=8).digest()
