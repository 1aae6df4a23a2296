"""The connections of one event loop to its upstreams: made, kept alive, and given out again."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmwrap.dialects.base import Call, Headers
from llmwrap.errors import UpstreamUnreachable
from llmwrap.server.connection import UpstreamConnection
from llmwrap.server.resolver import Resolver
from llmwrap.upstreams.client import no_connection
from llmwrap.upstreams.upstream import Upstream

MAX_IDLE = 64
"""Idle connections kept for one upstream; the one used last is taken first."""

IDLE_S = 30.0
"""Common servers close after 60 s (Uvicorn after 5): a stale one is replaced unseen anyway."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream listens, and how its requests begin."""

    host: str
    port: int
    tls: bool
    path: str
    host_header: str

    @classmethod
    def of(cls, upstream: Upstream) -> "Address":
        parts = urlsplit(upstream.url)
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname or "", port, tls, parts.path, parts.netloc)


class Connections:
    """Makes and keeps the connections of one event loop; not thread-safe.

    A connection has `connect_s` to come about, name and all addresses together. The resolver is
    ended with the rest.
    """

    def __init__(self, connect_s: float, resolver: Resolver) -> None:
        self._connect_s = connect_s
        self._resolver = resolver
        self._idle: dict[str, list[tuple[float, UpstreamConnection]]] = {}
        self._addresses: dict[str, Address] = {}
        self._tls: ssl.SSLContext | None = None

    def take_idle(self, upstream: Upstream) -> UpstreamConnection | None:
        """A kept connection that is still open, None when there is none."""
        now = asyncio.get_running_loop().time()
        kept = self._idle.get(upstream.name, [])
        while kept:
            since, connection = kept.pop()
            if connection.open and now - since < IDLE_S:
                connection.reused = True
                return connection
            connection.abort()
        return None

    async def connect(self, upstream: Upstream) -> UpstreamConnection:
        """A new connection; UpstreamUnreachable when none is there in time.

        Overloaded when this process has no socket left.
        """
        address = self._address(upstream)
        until = asyncio.get_running_loop().time() + self._connect_s
        try:
            async with asyncio.timeout_at(until):
                found = await self._resolver.resolve(address.host)
                return await self._connect_in_turn(upstream, found, until)
        except TimeoutError as error:
            raise UpstreamUnreachable(
                "the upstream did not accept a connection"
            ) from error
        except (OSError, UnicodeError) as error:
            raise no_connection(error) from error

    def request_bytes(self, upstream: Upstream, call: Call) -> bytes:
        """The call as HTTP/1.1."""
        address = self._address(upstream)
        headers: Headers = (
            ("Host", address.host_header),
            *call.headers,
            *upstream.credentials,
            ("Accept-Encoding", "identity"),
            ("Content-Length", str(len(call.body))),
        )
        lines = [f"{call.method} {address.path}{call.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + call.body

    def close(self) -> None:
        """Close every idle connection, and end the resolver."""
        self._resolver.stop()
        for kept in self._idle.values():
            for _, connection in kept:
                connection.abort()
        self._idle.clear()

    async def _connect_in_turn(
        self, upstream: Upstream, found: tuple[str, ...], until: float
    ) -> UpstreamConnection:
        """The first address that accepts; each but the last may take half of what time is left."""
        *others, last = found
        for ip in others:
            left_s = until - asyncio.get_running_loop().time()
            with suppress(OSError):
                async with asyncio.timeout(left_s / 2):
                    return await self._connect_to(upstream, ip)
        return await self._connect_to(upstream, last)

    async def _connect_to(self, upstream: Upstream, ip: str) -> UpstreamConnection:
        address = self._address(upstream)
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: UpstreamConnection(upstream, self._keep),
            ip,
            address.port,
            ssl=self._context() if address.tls else None,
            server_hostname=address.host if address.tls else None,
        )
        return connection

    def _keep(self, connection: UpstreamConnection) -> None:
        if not connection.open:
            return
        kept = self._idle.setdefault(connection.upstream.name, [])
        kept.append((asyncio.get_running_loop().time(), connection))
        if len(kept) > MAX_IDLE:
            kept.pop(0)[1].abort()

    def _address(self, upstream: Upstream) -> Address:
        address = self._addresses.get(upstream.name)
        if address is None:
            address = self._addresses[upstream.name] = Address.of(upstream)
        return address

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls
