"""What a relay tells its driver to do next: plain values."""

from dataclasses import dataclass
from typing import NamedTuple

from llmwrap.dialects.base import Call
from llmwrap.upstreams.pool import Lease
from llmwrap.upstreams.upstream import Upstream
from llmwrap.upstreams.waiting import Ticket


@dataclass(frozen=True, slots=True)
class Open:
    """Give `data` to the client, send `call` to `upstream`, tell `opened` or `failed`.

    `served` is whether the call before was answered well, so that its connection is good.
    """

    upstream: Upstream
    call: Call
    data: bytes = b""
    served: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """Wait for a slot: tell `granted` when the ticket's turn has come, or `tick`."""

    ticket: Ticket[Lease]


class Give(NamedTuple):
    """Give `data` to the client (the status first, see `Relay.head`), then go on.

    A tuple, because one is made for every token, and a frozen dataclass takes twice as long.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """Give `data` to the client, end its answer, and call `Relay.close`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for bytes, or until `Relay.wake_at` says."""


WAIT = Wait()
Step = Open | Queue | Give | Finish | Wait
