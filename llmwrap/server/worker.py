"""gunicorn's worker class: uvicorn's server, our protocol, the front around Flask."""

from typing import Any, ClassVar

from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from llmwrap.gateway import Gateway
from llmwrap.server.front import Front
from llmwrap.server.protocol import ClientProtocol
from llmwrap.server.threads import Threads
from llmwrap.server.upstreams import Connections

STOP_THREADS_S = 5.0


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

    async def _serve(self) -> None:
        gateway: Gateway = self.wsgi.extensions["llmwrap"]
        settings = gateway.settings
        threads = Threads(settings.server.threads)
        connections = Connections(settings.timeouts.connect_s)
        threads.start()
        self.config.app = Front(self.wsgi, settings.server, threads, connections)
        try:
            await self._serve_until_stopped()
        finally:
            connections.close()
            threads.stop(STOP_THREADS_S)

    async def _serve_until_stopped(self) -> None:
        server = Server(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
