"""The one place where an error becomes an answer: in the dialect of the path that was asked."""

import logging

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from llmwrap import errors
from llmwrap.settings.values import Settings
from llmwrap.web.services import dialect_of, service_at

log = logging.getLogger(__name__)


def register_errors(app: Flask, settings: Settings) -> None:
    """Answer every exception: ours, Flask's own, and the ones that should not exist."""

    @app.errorhandler(errors.GatewayError)
    def gateway_error(error: errors.GatewayError) -> Response:
        return render(error, settings)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return render(_as_gateway_error(error), settings)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.error("unhandled", exc_info=error, extra={"path": request.path[:500]})
        return render(errors.GatewayFault("the gateway failed; see its log"), settings)


def render(error: errors.GatewayError, settings: Settings) -> Response:
    """The answer for `error` at the path of the current request."""
    service = service_at(request.path)
    status, headers, body = dialect_of(service).render_error(
        error, settings.services[service.settings]
    )
    g.exchange.fail(error)
    response = Response(body, status=status)
    response.headers.clear()
    for name, value in (*headers, *error.answer_headers()):
        response.headers.add(name, value)
    response.headers["Content-Length"] = str(len(body))
    return response


def _as_gateway_error(error: HTTPException) -> errors.GatewayError:
    status = error.code or 500
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return errors.MethodNotAllowed(
            f"{request.method} is not allowed here; allowed: {allowed}",
            headers=(("Allow", allowed),),
        )
    if status == 404 or 300 <= status < 400:
        return errors.NotFound(f"there is nothing at {request.path[:200]}")
    if status == 413:
        return errors.RequestTooLarge("the body is too large")
    if status < 500:
        return errors.InvalidRequest(error.description or "the request is not valid")
    return errors.GatewayFault("the gateway failed; see its log")
