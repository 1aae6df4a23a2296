"""The waiting room of a pool: who waits for a slot, and whose turn it is.

The turn goes round between principals, so that one noisy script cannot starve the others. A
freed slot is handed over, it cannot be snatched by a newcomer. Holds no thread. Not
thread-safe: the pool's lock guards it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from llmwrap.errors import GatewayError
from llmwrap.upstreams.upstream import Upstream

MOST_WAITING = 256
"""Beyond it a request is refused at once: it would time out in the queue anyway."""

Slot = TypeVar("Slot")


class Ticket(Generic[Slot]):
    """One request's place in the queue. `lease` is set when its turn has come.

    `refusal` is set instead where it waits in vain. `deadline` is when the attempt that it
    waits for will be over at the latest.
    """

    __slots__ = ("_on_end", "deadline", "lease", "principal", "refusal", "serving")

    def __init__(
        self, principal: str, serving: frozenset[Upstream], deadline: float
    ) -> None:
        self.principal = principal
        self.serving = serving
        self.deadline = deadline
        self.lease: Slot | None = None
        self.refusal: GatewayError | None = None
        self._on_end: Callable[[], None] | None = None

    def notify(self, on_end: Callable[[], None]) -> None:
        """Call `on_end` (from any thread) once the wait is over; at once if it is."""
        self._on_end = on_end
        if self.lease or self.refusal:
            on_end()

    def announce(self) -> None:
        """Tell that it is over. `on_end` may be called twice, when this raced with `notify`."""
        if self._on_end:
            self._on_end()


class WaitingRoom(Generic[Slot]):
    """Tickets by principal, in turn."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Ticket[Slot]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        """Whether a further ticket is one too many."""
        return self._count >= MOST_WAITING

    def make_room(self, principal: str) -> Ticket[Slot] | None:
        """Take out the newest ticket of whoever has most, where `principal` has fewer by two."""
        longest = max(self._queues.values(), key=len, default=deque())
        if len(longest) < len(self._queues.get(principal, ())) + 2:
            return None
        newest = longest[-1]
        self._remove(newest)
        return newest

    def take_hopeless(self, hopeful: Callable[[Upstream], bool]) -> list[Ticket[Slot]]:
        """Take out the tickets none of whose upstreams is `hopeful`."""
        hopeless = [
            ticket
            for queue in self._queues.values()
            for ticket in queue
            if not any(map(hopeful, ticket.serving))
        ]
        for ticket in hopeless:
            self._remove(ticket)
        return hopeless

    def enter(self, ticket: Ticket[Slot]) -> None:
        """Queue up."""
        self._queues.setdefault(ticket.principal, deque()).append(ticket)
        self._count += 1

    def leave(self, ticket: Ticket[Slot]) -> None:
        """Give up; nothing happens when it is not (or no longer) waiting."""
        if ticket in self._queues.get(ticket.principal, ()):
            self._remove(ticket)

    def wants(self, upstream: Upstream) -> bool:
        """Whether any ticket waits for `upstream`, be it among others."""
        return any(
            upstream in ticket.serving
            for queue in self._queues.values()
            for ticket in queue
        )

    def next_for(self, upstream: Upstream) -> Ticket[Slot] | None:
        """Take out the next ticket that `upstream` can serve; its principal goes to the end."""
        for queue in self._queues.values():
            for ticket in queue:
                if upstream in ticket.serving:
                    self._queues.move_to_end(ticket.principal)
                    self._remove(ticket)
                    return ticket
        return None

    def _remove(self, ticket: Ticket[Slot]) -> None:
        queue = self._queues[ticket.principal]
        queue.remove(ticket)
        self._count -= 1
        if not queue:
            del self._queues[ticket.principal]
