"""The waiting room of a pool: who waits for a slot, and whose turn it is.

The turn goes round between principals, so that one noisy script cannot starve the others. A
freed slot is handed over, it cannot be snatched by a newcomer. Holds no thread. Not
thread-safe: the pool's lock guards it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable

from llmwrap.upstreams.upstream import Lease, Upstream

MOST_WAITING = 256
"""Beyond it a request is refused at once: it would time out in the queue anyway."""


class Ticket:
    """One request's place in the queue. `lease` is set when its turn has come."""

    __slots__ = ("_on_grant", "lease", "principal", "serving")

    def __init__(self, principal: str, serving: frozenset[Upstream]) -> None:
        self.principal = principal
        self.serving = serving
        self.lease: Lease | None = None
        self._on_grant: Callable[[], None] | None = None

    def notify(self, on_grant: Callable[[], None]) -> None:
        """Call `on_grant` (from any thread) once a lease is there; at once if it is."""
        self._on_grant = on_grant
        if self.lease:
            on_grant()

    def grant(self, lease: Lease) -> None:
        """The turn has come."""
        self.lease = lease
        if self._on_grant:
            self._on_grant()


class WaitingRoom:
    """Tickets by principal, in turn."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        return self._count >= MOST_WAITING

    def enter(self, ticket: Ticket) -> None:
        """Queue up."""
        self._queues.setdefault(ticket.principal, deque()).append(ticket)
        self._count += 1

    def leave(self, ticket: Ticket) -> bool:
        """Give up; False when it was not (or no longer) waiting."""
        queue = self._queues.get(ticket.principal)
        if queue is None or ticket not in queue:
            return False
        queue.remove(ticket)
        self._left(ticket.principal)
        return True

    def next_for(self, upstream: Upstream) -> Ticket | None:
        """Take out the next ticket that `upstream` can serve; its principal goes to the end."""
        for principal, queue in self._queues.items():
            for ticket in queue:
                if upstream in ticket.serving:
                    queue.remove(ticket)
                    self._queues.move_to_end(principal)
                    self._left(principal)
                    return ticket
        return None

    def _left(self, principal: str) -> None:
        self._count -= 1
        if not self._queues[principal]:
            del self._queues[principal]
