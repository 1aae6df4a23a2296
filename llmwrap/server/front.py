"""The ASGI application around Flask: body in, Flask on a thread, the answer or its relay out.

It holds no thread while a client sends or a model thinks. What is wrong with a body is raised by
Flask's own intake (found in the environ under REFUSED), so that it is answered like any error.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, ClassVar

from llmwrap.errors import GatewayError, Overloaded
from llmwrap.exchange import Exchange
from llmwrap.gateway import Gateway
from llmwrap.handover import REFUSED
from llmwrap.server.bodies import Bodies, Body, Gone, Receive, Scope, stopping
from llmwrap.server.driver import RelayRun
from llmwrap.server.outbox import Outbox
from llmwrap.server.protocol import PROTOCOL, ClientProtocol
from llmwrap.server.relayed import RelayedAnswer
from llmwrap.server.threads import AfterWork, Threads
from llmwrap.server.upstreams import Connections
from llmwrap.server.wsgi_call import Answer, WsgiApp, call_wsgi, environ_of

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Front:
    """One worker's ASGI application; lives in one event loop."""

    BODY_S: ClassVar[float] = 60.0
    """How long a whole body may take to arrive."""

    LINGER_S: ClassVar[float] = 1.0
    """How long the rest of a refused body is read, and thrown away."""

    def __init__(
        self,
        app: WsgiApp,
        gateway: Gateway,
        threads: Threads,
        connections: Connections,
    ) -> None:
        self._app = app
        self._gateway = gateway
        self._max_connections = gateway.settings.server.max_connections
        self._threads = threads
        self._connections = connections
        self._bodies = Bodies(gateway.settings.server, self.BODY_S)
        self._outbox = Outbox()
        self._after_work = AfterWork(threads)
        self._runs: set[RelayRun] = set()
        self._busy = 0
        self._draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self._busy += 1
        body = Body(self._bodies)
        refused: GatewayError | None = None
        try:
            refused = self._refusal()
            if not refused:
                body = await self._bodies.read(scope, receive)
        except GatewayError as error:
            refused = error
        except Gone:
            self._busy -= 1
            return
        if refused:
            send = _lingering(receive, send, self.LINGER_S)
        environ = environ_of(scope, body.take())
        scope["headers"].clear()  # for as long as the answer takes, nobody needs them
        if refused:
            environ[REFUSED] = refused
            _close_after(scope)
        try:
            answer = await self._ask_flask(environ)
            await self._give(answer, scope, send, body)
        finally:
            self._busy -= 1
            body.free()

    def note(self, exchange: Exchange) -> None:
        """Hand over the record of a request that was refused before it came here."""
        self._after_work.add(lambda: self._gateway.finish(exchange))

    def drain(self) -> None:
        """End every running answer with its terminal error, and every new one at once."""
        self._draining = True
        self._bodies.drain()
        for run in tuple(self._runs):
            run.interrupt(stopping())

    def close(self, timeout_s: float) -> None:
        """Close the upstream connections; wait for the threads' last work, at most so long."""
        self._connections.close()
        self._threads.stop(timeout_s)

    def _refusal(self) -> GatewayError | None:
        if self._draining:
            return stopping()
        if self._busy - len(self._runs) > self._max_connections:
            return Overloaded("too many requests in progress", retry_after_s=1)
        return None

    async def _give(self, answer: Answer, scope: Scope, send: Send, body: Body) -> None:
        try:
            if answer.relay:
                await self._relay(answer, scope, body)
            else:
                body.free()
                await _send_plain(answer, scope, send)
        finally:
            self._after_work.add(answer.close)

    async def _ask_flask(self, environ: dict[str, Any]) -> Answer:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def job() -> None:
            try:
                answer = call_wsgi(self._app, environ)
            except Exception as error:  # noqa: BLE001 - the loop logs it and answers
                loop.call_soon_threadsafe(future.set_exception, error)
            else:
                loop.call_soon_threadsafe(future.set_result, answer)

        self._threads.submit(job)
        return await future

    async def _relay(self, answer: Answer, scope: Scope, body: Body) -> None:
        protocol: ClientProtocol = scope[PROTOCOL]
        cycle = protocol.answering
        assert answer.relay
        assert cycle
        await protocol.flow.drain()  # a client that has not read its last answer waits
        client = RelayedAnswer(protocol, cycle, answer.headers, body, self._outbox)
        run = RelayRun(answer.relay, client, self._connections)
        if cycle.disconnected:
            run.client_gone()
            return
        protocol.run = run
        self._runs.add(run)
        try:
            if self._draining:
                run.interrupt(stopping())
            elif len(self._runs) > self._max_connections:
                run.interrupt(_full())
            else:
                run.begin()
            with self._gateway.running.watching(
                answer.relay.exchange, run.interrupt_soon
            ):
                await run.done
        finally:
            run.client_gone()  # whatever went wrong, nothing stays open or leased
            self._runs.discard(run)
            protocol.run = None


async def _send_plain(answer: Answer, scope: Scope, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in answer.headers
            ],
        }
    )
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


def _lingering(receive: Receive, send: Send, timeout_s: float) -> Send:
    """`send`, which reads on for a while before the connection closes.

    Closing it with bytes unread would reset it, and a client that still sends would lose the
    answer (RFC 9112, section 9.6).
    """

    async def send_and_linger(message: dict[str, Any]) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send(message | {"more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b""})

    return send_and_linger


def _close_after(scope: Scope) -> None:
    """The body was not read to its end, so no next request can be told from it."""
    protocol: ClientProtocol = scope[PROTOCOL]
    assert protocol.answering
    protocol.answering.keep_alive = False


def _full() -> Overloaded:
    """Of answers, not of requests: probes and sign-ins are served beside any number of them."""
    return Overloaded("too many answers in progress", retry_after_s=1)
