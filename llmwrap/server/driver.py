"""The relay driver: runs one relay in the event loop and decides nothing.

Between an upstream connection and a client it only carries: what happened to the relay, and
what the relay says next to the connections. A client that leaves is noticed in every phase.
"""

import asyncio
from time import monotonic
from time import time as unix_time
from typing import Protocol

from llmwrap.errors import GatewayError, UpstreamDisconnected
from llmwrap.relay import Relay
from llmwrap.relay.steps import Finish, Give, Open, Queue, Step
from llmwrap.server.connection import UpstreamConnection
from llmwrap.server.upstreams import Connections
from llmwrap.upstreams.client import STALE_S
from llmwrap.upstreams.retry_after import read_retry_after

_LOOP_TICK_S = 0.001
"""What uvloop's own clock counts in, too coarse to say what took how long. It is the same
clock: a timer set a tick later never fires before its time.
"""


class Client(Protocol):
    """The client's side of one relayed answer."""

    def start(self, relay: Relay) -> None:
        """Fix status and headers; they leave with the first bytes."""

    def give(self, data: bytes) -> None: ...

    def finish(self, data: bytes) -> None: ...


class RelayRun:
    """One relay being driven. Every method is called in the loop; `done` ends it."""

    def __init__(self, relay: Relay, client: Client, connections: Connections) -> None:
        self._relay = relay
        self._client = client
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._connection: UpstreamConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._open: Open | None = None
        self._asked_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = False
        self.done: asyncio.Future[None] = self._loop.create_future()

    def begin(self) -> None:
        """Start the first attempt."""
        self._do(self._relay.start(monotonic()))

    def interrupt(self, error: GatewayError) -> None:
        """End the answer now, with `error`."""
        if not self.done.done():
            self._do(self._relay.interrupt(monotonic(), error))

    def interrupt_soon(self, error: GatewayError) -> None:
        """As `interrupt`, from any thread."""
        self._loop.call_soon_threadsafe(self.interrupt, error)

    # What the client's connection tells.

    def client_gone(self) -> None:
        """The client left: the upstream is cut off at once."""
        if not self.done.done():
            self._end()

    def pause(self) -> None:
        """The client does not keep up."""
        if self._connection:
            self._connection.pause()

    def resume(self) -> None:
        """The client keeps up again."""
        if self._connection:
            self._connection.resume()

    # What the upstream's connection tells.

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        self._open = None
        content_type = headers.get("content-type", "")
        rest_s = read_retry_after(headers.get("retry-after", ""), unix_time())
        self._do(self._relay.opened(monotonic(), status, content_type, rest_s))

    def on_bytes(self, data: bytes) -> None:
        step = self._relay.feed(monotonic(), data)
        if self._started and type(step) is Give:
            self._client.give(step.data)  # nearly always
        else:
            self._do(step)

    def on_end(self) -> None:
        self._connection = None
        self._do(self._relay.eof(monotonic()))

    def on_failed(self, error: GatewayError) -> None:
        connection, self._connection = self._connection, None
        stale = connection and connection.reused and not connection.answered
        soon = self._asked_at is not None and monotonic() < self._asked_at + STALE_S
        if stale and soon and isinstance(error, UpstreamDisconnected) and self._open:
            self._connect(self._open)
            return
        self._do(self._relay.failed(monotonic(), error))

    # What the relay says.

    def _do(self, step: Step) -> None:
        if isinstance(step, Give):
            self._start()
            self._client.give(step.data)
        elif isinstance(step, Open):
            if step.data:
                self._start()
                self._client.give(step.data)
            self._open = step
            if step.served:
                self._let_go()
            else:
                self._drop_connection()
            if self._asked_at is None:
                self._send(step)
            else:
                # Soon: the connection that may take it is in the midst of telling of its end.
                self._loop.call_soon(self._send_next, step)
            self._arm()
        elif isinstance(step, Queue):
            step.ticket.notify(self._wake)
            self._arm()
        elif isinstance(step, Finish):
            self._start()
            self._client.finish(step.data)
            self._end()

    def _wake(self) -> None:
        """A slot is free; told from any thread."""
        self._loop.call_soon_threadsafe(self._granted)

    def _granted(self) -> None:
        if not self.done.done():
            self._do(self._relay.granted(monotonic()))

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._client.start(self._relay)

    def _send_next(self, step: Open) -> None:
        if self._open is step and not self.done.done():
            self._send(step)

    def _send(self, step: Open) -> None:
        connection = self._connections.take_idle(step.upstream)
        if connection is None:
            self._connect(step)
            return
        self._ask(connection, step)

    def _connect(self, step: Open) -> None:
        self._connecting = self._loop.create_task(self._connect_and_send(step))

    async def _connect_and_send(self, step: Open) -> None:
        try:
            connection = await self._connections.connect(step.upstream)
        except GatewayError as error:
            self._connecting = None
            self.on_failed(error)
            return
        self._connecting = None
        self._ask(connection, step)

    def _ask(self, connection: UpstreamConnection, step: Open) -> None:
        self._connection = connection
        self._asked_at = monotonic()
        connection.send(self._connections.request_bytes(step.upstream, step.call), self)

    def _arm(self) -> None:
        """One timer at a time; when what it was set for has moved on, it is set again."""
        if self._timer:
            self._timer.cancel()
        if not self.done.done():
            at = self._relay.wake_at(monotonic()) + _LOOP_TICK_S
            self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        now = monotonic()
        if self._connection and self._connection.held_back:
            # Silent for the client's sake: reading nothing puts the idle deadline off.
            self._do(self._relay.feed(now, b""))
        if not self.done.done():
            self._do(self._relay.tick(now))
        self._arm()

    def _let_go(self) -> None:
        """Of a connection whose answer has been taken in: the next request may use it."""
        if self._connection:
            self._connection.detach()
            self._connection = None

    def _drop_connection(self) -> None:
        if self._connecting:
            self._connecting.cancel()
            self._connecting = None
        if self._connection:
            self._connection.abort()
            self._connection = None

    def _end(self) -> None:
        """The last byte is given, or nobody wants it: nothing stays open or leased."""
        self._relay.close(monotonic())
        if self._timer:
            self._timer.cancel()
        if self._relay.exchange.outcome == "ok":
            self._let_go()
        self._drop_connection()
        if not self.done.done():
            self.done.set_result(None)
