"""gunicorn's worker class: uvicorn's server, our protocol, the front around Flask."""

import asyncio
import gc
import os
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from llmwrap.gateway import Gateway
from llmwrap.server.front import Front
from llmwrap.server.protocol import ClientProtocol
from llmwrap.server.resolver import Resolver
from llmwrap.server.threads import Threads
from llmwrap.server.upstreams import Connections
from llmwrap.upstreams.catalog import Catalog

DRAIN_BEFORE_S = 5.0
"""So long before gunicorn kills a worker, running answers get their terminal error."""

STOP_THREADS_S = 3.0

LISTED_S = 2.0
"""How long a worker that replaces another waits until its upstreams have listed their models."""

_LISTED_POLL_S = 0.02

_STOP = frozenset({signal.SIGTERM})
"""Blocked while a worker starts, and when it has served."""


class RelayServer(Server):
    """uvicorn's server, which ends answers truthfully before it is killed.

    On SIGTERM running answers may go on for `grace_s` seconds; SIGINT and SIGQUIT end them now.
    """

    def __init__(self, config: Config, front: Front, grace_s: float) -> None:
        super().__init__(config)
        self._front = front
        self._grace_s = grace_s
        self._parent = os.getppid()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks to stop.

        uvicorn would keep the signal and die of it in the end, past gunicorn's `worker_exit`.
        """
        if sig != signal.SIGTERM:
            self._grace_s = 0
            if self.should_exit:
                asyncio.get_running_loop().call_soon_threadsafe(self._front.drain)
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop; without a master there is nobody to stop us.

        At the first tick requests are being taken. A worker that was told to stop before that
        serves until the next: in a row of reloads each may be told so early.
        """
        if os.getppid() != self._parent:
            self.should_exit = True
        stop = await super().on_tick(counter)
        if counter > 0:
            return stop
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
        return False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, wait for the running ones, then end everything."""
        timer = asyncio.get_running_loop().call_later(self._grace_s, self._front.drain)
        await super().shutdown(sockets)
        timer.cancel()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # it would cut the last work
        self._front.close(STOP_THREADS_S)


class RelayWorker(UvicornWorker):  # type: ignore[misc]
    """Serves a WSGI application whose views may answer with relays."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": ClientProtocol,
        "ws": "none",
        "lifespan": "off",
        "interface": "asgi3",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }

    FRONT: ClassVar[type[Front]] = Front
    RESOLVER: ClassVar[type[Resolver]] = Resolver

    def init_process(self) -> None:
        """In the new process: a signal to stop is kept until there is something to stop."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        super().init_process()

    async def _serve(self) -> None:
        gateway: Gateway = self.wsgi.extensions["llmwrap"]
        settings = gateway.settings
        threads = Threads(settings.server.threads)
        threads.start()
        resolver = self.RESOLVER(settings.timeouts.connect_s)
        resolver.start()
        gc.collect()
        gc.freeze()  # the application lives as long as the worker: never walk it again
        connections = Connections(settings.timeouts.connect_s, resolver)
        front = self.FRONT(self.wsgi, gateway, threads, connections)
        self.config.app = front
        grace_s = max(0.0, self.cfg.graceful_timeout - DRAIN_BEFORE_S)
        server = RelayServer(self.config, front, grace_s)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(
            signal.SIGQUIT, server.handle_exit, signal.SIGQUIT, None
        )
        if self.age > self.cfg.workers:  # another one serves, or has served
            await _listed(gateway.catalog)
        await server.serve(sockets=self.sockets)


async def _listed(catalog: Catalog) -> None:
    """Return once every upstream has been asked for its models, or after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LISTED_S):
            while not catalog.ready:
                await asyncio.sleep(_LISTED_POLL_S)
