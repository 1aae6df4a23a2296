"""How one of several available upstreams is chosen: plain functions of what is in flight."""

from collections.abc import Callable, Sequence

from llmwrap.upstreams.affinity import affinity
from llmwrap.upstreams.upstream import Upstream

Policy = Callable[[Sequence[Upstream], int], Upstream]
"""(candidates in file order, never empty; number of the lease) -> the chosen one."""


def least_busy(candidates: Sequence[Upstream], turn: int) -> Upstream:
    """The one with the fewest requests in flight; ties are shared out in turn."""
    fewest = min(upstream.in_flight for upstream in candidates)
    idle = [upstream for upstream in candidates if upstream.in_flight == fewest]
    return idle[turn % len(idle)]


def round_robin(candidates: Sequence[Upstream], turn: int) -> Upstream:
    """Each in turn."""
    return candidates[turn % len(candidates)]


def first(candidates: Sequence[Upstream], _turn: int) -> Upstream:
    """The first of the file that is available; the others are spares."""
    return candidates[0]


POLICIES: dict[str, Policy] = {
    "least_busy": least_busy,
    "round_robin": round_robin,
    "first": first,
    "affinity": affinity,
}
