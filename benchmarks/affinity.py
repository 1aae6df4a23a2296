"""How many prompt tokens must be computed anew under each policy, with a cache per upstream.

A simulation, no server: 8 upstreams, each remembering the prefixes of the conversations it saw
last (an LRU of 400,000 tokens, about what 40 GB of KV cache hold for a 24B model); 600
conversations of 2 to 12 turns, a turn adding 50 to 600 tokens after a system prompt of 800,
running interleaved with 40 requests in flight. The pool, its policies and the preference are
llmwrap's own.

    .venv/bin/python benchmarks/affinity.py
"""

import random
import sys
from collections import OrderedDict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from llmwrap.dialects import DIALECTS
from llmwrap.settings.values import PoolSettings, UpstreamSettings
from llmwrap.upstreams.affinity import by_affinity
from llmwrap.upstreams.pool import Lease, Pool
from llmwrap.upstreams.upstream import Upstream

UPSTREAMS, CONVERSATIONS, IN_FLIGHT = 8, 600, 40
CACHE_TOKENS, SYSTEM_TOKENS = 400_000, 800


class PrefixCache:
    """Tokens remembered per conversation, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[int, int] = OrderedDict()

    def prefill(self, conversation: int, prompt: int) -> int:
        """Tokens to compute for `prompt` tokens of `conversation`."""
        known = self._tokens.pop(conversation, SYSTEM_TOKENS if self._tokens else 0)
        self._tokens[conversation] = prompt
        while sum(self._tokens.values()) > CACHE_TOKENS:
            self._tokens.popitem(last=False)
        return prompt - min(known, prompt)


def simulate(policy: str, seed: int) -> tuple[int, int, int]:
    """Prompt tokens in all, tokens computed, and the most requests on one upstream."""
    dice = random.Random(seed)
    names = [
        UpstreamSettings(f"gpu-{n}", f"http://10.0.0.{n}/v1") for n in range(UPSTREAMS)
    ]
    settings = PoolSettings("chat", "chat", ("*",), tuple(names), policy=policy)
    upstreams = tuple(Upstream(each, DIALECTS["openai"], ()) for each in names)
    pool = Pool(settings, upstreams)
    caches = {upstream: PrefixCache() for upstream in upstreams}
    turns = {n: dice.randint(2, 12) for n in range(CONVERSATIONS)}
    prompts = dict.fromkeys(turns, SYSTEM_TOKENS)
    running: list[Lease] = []
    total = computed = most = 0
    while turns:
        conversation = dice.choice(list(turns)[:120])
        prompts[conversation] += dice.randint(50, 600)
        serving = (
            by_affinity(upstreams, b"%d" % conversation) if pool.affine else upstreams
        )
        lease = pool.lease(serving, (), 0.0, 60.0)
        assert lease
        running.append(lease)
        most = max(most, lease.upstream.in_flight)
        total += prompts[conversation]
        computed += caches[lease.upstream].prefill(conversation, prompts[conversation])
        turns[conversation] -= 1
        if not turns[conversation]:
            del turns[conversation]
        if len(running) >= IN_FLIGHT:
            running.pop(dice.randrange(len(running))).release(0.0, "served")
    return total, computed, most


def main() -> None:
    for policy in ("affinity", "least_busy", "round_robin"):
        runs = [simulate(policy, seed) for seed in range(5)]
        total, computed, most = (sum(column) for column in zip(*runs, strict=True))
        print(
            f"{policy:12s} prefill {computed / total:6.1%} of {total // 5:,} prompt tokens,"
            f" at most {most / 5:.1f} requests on one upstream (mean {IN_FLIGHT / UPSTREAMS:.1f})"
        )


if __name__ == "__main__":
    main()
