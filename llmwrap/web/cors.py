"""Which web pages may call a service: the answers that browsers ask for (CORS, Fetch standard).

A service without allowed origins has none of this. Where a credential is asked for, that is the
guard; where none is, a page that is not allowed is refused, as Ollama 0.33 does: any page in a
browser on this machine could use its models. Whoever is no browser sends what it likes.
"""

import re
from fnmatch import fnmatchcase

from flask import Flask, Response, request

from llmwrap.errors import Forbidden
from llmwrap.settings.values import ServiceSettings, Settings
from llmwrap.web.services import service_at

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*://[^/?#@\\\s]*?)(:\d+)?", re.IGNORECASE)

_METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
_MAX_AGE_S = 43_200


def register_cors(app: Flask, settings: Settings) -> None:
    """Install the hooks; call it before the guard's, since a preflight carries no credential."""

    @app.before_request
    def preflight() -> Response | None:
        service = _service(settings)
        if not service.allowed_origins:
            return None
        if request.method != "OPTIONS":
            if not settings.auth_required and request.routing_exception is None:
                _refuse_strangers(service)
            return None
        response = Response(status=204)
        response.headers.clear()
        return response

    @app.after_request
    def permit(response: Response) -> Response:
        service = _service(settings)
        if not service.allowed_origins:
            return response
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin", "")
        if not allows(service, origin):
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            _permit_call(response)
        return response


def _refuse_strangers(service: ServiceSettings) -> None:
    origin = request.headers.get("Origin", "")
    if origin and origin != request.host_url[:-1] and not allows(service, origin):
        raise Forbidden(
            "web pages of this origin may not use a gateway that asks for no credential;"
            " allow it in services.ollama.allowed_origins"
        )


def allows(service: ServiceSettings, origin: str) -> bool:
    """Whether `origin` fits a pattern, with its port or without."""
    parts = _ORIGIN.fullmatch(origin)
    if parts is None:
        return False
    return any(
        fnmatchcase(text, pattern)
        for pattern in service.allowed_origins
        for text in (origin, parts[1])
    )


def _permit_call(response: Response) -> None:
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
    if asked := request.headers.get("Access-Control-Request-Headers"):
        response.headers["Access-Control-Allow-Headers"] = asked
        response.headers.add("Vary", "Access-Control-Request-Headers")


def _service(settings: Settings) -> ServiceSettings:
    return settings.services[service_at(request.path).settings]
