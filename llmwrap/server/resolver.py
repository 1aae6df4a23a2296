"""Where the names of upstreams lead: looked up on threads of their own, never in the event loop.

A lookup itself has no bound (glibc waits 5 s for each answer that is lost, resolv.conf(5)), so the
waiting for it has one. Where it fails or is slow, what the name led to last stands in for a while.
"""

import asyncio
import math
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from llmwrap.server.threads import Threads

LookUp = Callable[[str], tuple[str, ...]]
"""The addresses of a name, blocking; OSError or UnicodeError where it has none."""

PATIENCE_S = 2.0
"""The longest that a lookup is waited for."""

STAND_IN_S = 60.0
"""How long after a lookup began its addresses may stand in for those of a later one."""

LOOKUPS = 16
"""Threads, so lookups at the same moment; further ones wait in line. A name takes two at most."""


def look_up(host: str) -> tuple[str, ...]:
    """The addresses of `host`, in the system's order."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(slots=True)
class _Lookup:
    """One lookup; `over` is set when its thread is back."""

    begun: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    error: OSError | UnicodeError | None = None


@dataclass(slots=True)
class _Name:
    """What is known of one name: its addresses, when they were asked for, its lookups.

    `last` is joined by who comes while it runs; `hung` was the last one and took too long.
    """

    addresses: tuple[str, ...] = ()
    asked: float = -math.inf
    last: _Lookup | None = None
    hung: _Lookup | None = None

    def known(self, now: float) -> tuple[str, ...]:
        """The addresses that may be used now; () when they are too old."""
        return self.addresses if now - self.asked <= STAND_IN_S else ()


class Resolver:
    """The names of one event loop; `resolve` is called in it. Names come from the settings."""

    def __init__(
        self, patience_s: float = PATIENCE_S, look_up: LookUp = look_up
    ) -> None:
        self._patience_s = min(patience_s, PATIENCE_S)
        self._look_up = look_up
        self._threads = Threads(LOOKUPS, "lookup")
        self._names: dict[str, _Name] = {}

    def start(self) -> None:
        """Start the threads; after a fork, never before."""
        self._threads.start()

    def stop(self) -> None:
        """End the threads, without waiting for a lookup that hangs."""
        self._threads.stop(0)

    async def resolve(self, host: str) -> tuple[str, ...]:
        """The addresses of `host`, at least one; OSError or UnicodeError when there is none.

        Every call looks up, or joins the lookup that is running, so a change is seen at once.
        With addresses that may stand in it waits half as long: time has to be left for them.
        """
        if _is_address(host):
            return (host,)
        loop = asyncio.get_running_loop()
        name = self._names.setdefault(host, _Name())
        known = name.known(loop.time())
        patience_s = self._patience_s / 2 if known else self._patience_s
        lookup = self._lookup(host, name, patience_s)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(lookup.begun + patience_s):
                await lookup.over.wait()
        if known := name.known(loop.time()):
            return known
        if lookup.error:
            raise lookup.error.with_traceback(None)
        raise socket.gaierror(socket.EAI_AGAIN, "the name was not resolved in time")

    def _lookup(self, host: str, name: _Name, patience_s: float) -> _Lookup:
        """The lookup to wait for: the last one, or another when that is over or hangs.

        One that hangs may wait for a packet that is lost, so another is tried: one, and only where
        no addresses can stand in.
        """
        now = asyncio.get_running_loop().time()
        last = name.last
        if last and not last.over.is_set():
            hangs = now > last.begun + patience_s
            both_hang = name.hung and not name.hung.over.is_set()
            if not hangs or both_hang or name.known(now):
                return last
            name.hung = last
        name.last = lookup = _Lookup(now)
        self._begin(host, name, lookup)
        return lookup

    def _begin(self, host: str, name: _Name, lookup: _Lookup) -> None:
        loop = asyncio.get_running_loop()

        def end(addresses: tuple[str, ...]) -> None:
            if addresses and lookup.begun >= name.asked:
                name.addresses, name.asked = addresses, lookup.begun
            lookup.over.set()

        def job() -> None:
            addresses: tuple[str, ...] = ()
            try:
                addresses = self._look_up(host)
            except (OSError, UnicodeError) as error:
                lookup.error = error.with_traceback(None)
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(end, addresses)

        self._threads.submit(job)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
