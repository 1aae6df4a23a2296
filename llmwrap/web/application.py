"""Flask without what nothing here uses; asking for it at each request costs a tenth of one."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface, SessionMixin
from flask.wrappers import Response
from werkzeug.routing import MapAdapter


class NoSessions(SessionInterface):
    """No cookies are read or set."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """The one session, which refuses to keep anything."""
        return self._none

    def save_session(
        self, app: Flask, session: SessionMixin, response: Response
    ) -> None:
        """Never called: a null session is not saved."""


class Application(Flask):
    """A Flask application whose views and hooks are all synchronous."""

    session_interface = NoSessions()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes by path and method alone: which host was asked leads nowhere else."""
        if request is None:
            return super().create_url_adapter(None)
        scheme, path, method = request.scheme, request.path, request.method
        return MapAdapter(self.url_map, "localhost", "", "", scheme, path, method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing to ensure."""
        return func
