"""Which web pages may call a service: the answers that browsers ask for (CORS, Fetch standard).

A service without allowed origins allows no page to read its answers. Where a credential is asked
for, that is the guard; where none is, foreign pages are refused on every service, as Ollama 0.33
does: any page in a browser on this machine could use its models. Whoever is no browser sends what
it likes.
"""

from flask import Flask, Response, request

from llmwrap.errors import Forbidden
from llmwrap.settings.values import ServiceSettings, Settings
from llmwrap.web.origins import allows, host_of, host_of_origin, is_this_machine
from llmwrap.web.services import service_at

_METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
_MAX_AGE_S = 43_200


def register_cors(app: Flask, settings: Settings) -> None:
    """Install the hooks; call it before the guard's, since a preflight carries no credential."""

    is_open = not settings.auth_required

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS":
            if is_open and request.routing_exception is None and not _is_probe():
                _refuse_strangers(settings)
            return None
        if not _service(settings).allowed_origins:
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


def _refuse_strangers(settings: Settings) -> None:
    """Forbidden for a foreign page, and for a name that only pretends to be this machine.

    A browser takes a page's word for where its own host is (DNS rebinding): a page that has
    made itself the gateway's own shows that in `Host`, which it cannot choose.
    """
    name = service_at(request.path).settings
    service, asked = settings.services[name], request.environ.get("HTTP_HOST", "")
    if asked and _is_for_this_machine_only(settings):
        _refuse_other_names(service, asked)
    origin = request.headers.get("Origin", "")
    if not origin or allows(service, origin):
        return
    host = host_of_origin(origin)
    if not host or not (is_this_machine(host) or host == host_of(asked)):
        raise Forbidden(
            "web pages of this origin may not use a gateway that asks for no credential;"
            f" allow it in services.{name}.allowed_origins"
        )


def _is_for_this_machine_only(settings: Settings) -> bool:
    """Whether `Host` must be loopback: unless a socket file or a proxy of ours leads here.

    An operator who has opened the gateway to other machines knows it by other names.
    """
    server = settings.server
    if server.bind.startswith("unix:"):
        return False
    if settings.auth.mode == "auto":
        return True
    return server.loopback and server.trusted_proxies == 0


def _refuse_other_names(service: ServiceSettings, asked: str) -> None:
    pages = (f"{scheme}://{asked}" for scheme in ("http", "https"))
    if is_this_machine(host_of(asked)) or any(allows(service, page) for page in pages):
        return
    raise Forbidden(
        "this gateway asks for no credential and answers to names of its own machine only:"
        " ask for localhost, configure users or a key, or, behind a proxy of yours with"
        ' auth.mode = "off", set server.trusted_proxies'
    )


def _permit_call(response: Response) -> None:
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
    if asked := request.headers.get("Access-Control-Request-Headers"):
        response.headers["Access-Control-Allow-Headers"] = asked
        response.headers.add("Vary", "Access-Control-Request-Headers")


def _is_probe() -> bool:
    """Whether it is for `health`, whose callers know the gateway by any name."""
    return request.blueprint == "health"


def _service(settings: Settings) -> ServiceSettings:
    return settings.services[service_at(request.path).settings]
