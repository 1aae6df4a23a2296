"""Liveness and readiness. Liveness touches nothing; neither asks for a credential."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from llmwrap.auth.guard import access
from llmwrap.gateway import Gateway


def health_blueprint(gateway: Gateway) -> Blueprint:
    """`/`, `/health`, `/healthz`, `/readyz`, and the names that LiteLLM's probes use."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/")
    @access("public")
    def root() -> ResponseReturnValue:
        return jsonify(message=gateway.settings.server.root_message)

    @blueprint.get("/health")
    @blueprint.get("/healthz")
    @blueprint.get("/health/liveness")
    @blueprint.get("/health/liveliness")
    @access("public")
    def health() -> ResponseReturnValue:
        return jsonify(status="ok")

    @blueprint.get("/readyz")
    @blueprint.get("/health/readiness")
    @access("public")
    def ready() -> ResponseReturnValue:
        if gateway.catalog.ready:
            return jsonify(status="ready")
        return jsonify(status="starting"), 503, {"Retry-After": "1"}

    return blueprint
