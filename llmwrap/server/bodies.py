"""The bodies of requests, read within limits and a deadline; how much of them a worker holds.

One event loop's. What is wrong with a body is raised as the error that its sender is told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from llmwrap.errors import Draining, Overloaded, RequestTimeout, RequestTooLarge
from llmwrap.server.protocol import PROTOCOL, ClientProtocol
from llmwrap.settings.values import Server

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Gone(Exception):
    """The client left while it was still sending."""


class Body:
    """One body: its bytes until somebody takes them, and its size, which counts until `free`."""

    __slots__ = ("_bodies", "_data", "_size")

    def __init__(self, bodies: "Bodies", data: bytes = b"") -> None:
        self._bodies = bodies
        self._data = data
        self._size = len(data)

    def take(self) -> bytes:
        """The bytes, which are kept no longer here."""
        data, self._data = self._data, b""
        return data

    def free(self) -> None:
        """Nobody needs the bytes any more; idempotent."""
        self._bodies.buffered -= self._size
        self._size = 0


class Bodies:
    """Reads bodies; `whole_s` is how long one may take to arrive."""

    def __init__(self, limits: Server, whole_s: float) -> None:
        self._limits = limits
        self._whole_s = whole_s
        self._reading: set[asyncio.Timeout] = set()
        self._draining = False
        self.buffered = 0

    async def read(self, scope: Scope, receive: Receive) -> Body:
        """The whole body; a GatewayError over a limit or past its deadline, or Gone."""
        if _declared_length(scope) > self._limits.max_body_bytes:
            raise self._too_large()
        protocol: ClientProtocol = scope[PROTOCOL]
        if protocol.answering and not protocol.answering.more_body:
            return await self._collect(receive)  # nearly always: it is there
        try:
            async with asyncio.timeout(self._whole_s) as deadline:
                self._reading.add(deadline)
                return await self._collect(receive)
        except TimeoutError as error:
            if self._draining:
                raise stopping() from error
            raise RequestTimeout(
                f"the body took longer than {self._whole_s:g} s"
            ) from error
        finally:
            self._reading.discard(deadline)

    def drain(self) -> None:
        """The time of every body that is being read is over."""
        self._draining = True
        for deadline in self._reading:
            deadline.reschedule(asyncio.get_running_loop().time())

    async def _collect(self, receive: Receive) -> Body:
        """The body; what has come counts as buffered, unless this raises."""
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                data: bytes = message["body"]
                size += len(data)
                self.buffered += len(data)
                self._check_size(size)
                parts.append(data)
                if not message["more_body"]:
                    return Body(self, b"".join(parts))
        except BaseException:
            self.buffered -= size
            raise

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_body_bytes:
            raise self._too_large()
        if self.buffered > self._limits.max_buffered_bytes:
            raise Overloaded("too many bodies are being read", retry_after_s=1)

    def _too_large(self) -> RequestTooLarge:
        limit = self._limits.max_body_bytes
        return RequestTooLarge(f"the body is over the limit of {limit} bytes")


def stopping() -> Draining:
    """What those are told whose requests a stopping server cannot serve."""
    return Draining("this server is stopping", retry_after_s=1)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0
