"""What Ollama's server answers beside its models: what it is, what it has, what it refuses to do.

Paths and answers: Ollama 0.33, 2026-08. Its model operations are `web.endpoints`, like all.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
from flask import Blueprint, Response, g
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from llmwrap.auth.guard import Access, access
from llmwrap.canonical.names import tagged
from llmwrap.dialects.base import Offer
from llmwrap.dialects.ollama import listing
from llmwrap.dialects.ollama.lookup import Lookup, read_lookup
from llmwrap.dialects.ollama.names import not_found
from llmwrap.errors import Forbidden, ModelNotFound, NotFound
from llmwrap.gateway import Gateway
from llmwrap.routing import Allowed
from llmwrap.web.permitted import anything, permitted
from llmwrap.web.services import Service, scope_of, service_at

PREFIX = "/ollama"

VERSION = "0.33.0"
"""Which Ollama this is like. Clients compare it (VS Code's Copilot wants 0.6.4 at least) and take
its parts for integers (Open WebUI), so it is three numbers and no name of ours."""

_LOADED_S = 86_400
"""How long a model counts as loaded yet: what a pool lists does not go away by itself."""

_DISABLED = (
    ("POST", "/api/push", "pushing models"),
    ("POST", "/api/create", "creating models"),
    ("POST", "/api/copy", "copying models"),
    ("DELETE", "/api/delete", "deleting models"),
    ("POST", "/api/blobs/<digest>", "uploading blobs"),
)

_GET_ONLY = frozenset({"loaded", "status", "recommendations"})
"""Views that Ollama answers to GET and not to HEAD, which Flask would add."""

_PULLED = (b'{"status":"pulling manifest"}\n', b'{"status":"success"}\n')


def ollama_blueprint(gateway: Gateway) -> Blueprint:
    """All of it, below `/ollama`."""
    blueprint = Blueprint("ollama-server", __name__, url_prefix=PREFIX)
    _add_facts(blueprint)
    _add_models(blueprint, _Shelf(gateway, service_at(PREFIX)))
    _add_refusals(blueprint)
    blueprint.record(_refuse_head)
    return blueprint


def _refuse_head(state: BlueprintSetupState) -> None:
    for name in _GET_ONLY:
        for rule in state.app.url_map.iter_rules(f"{state.blueprint.name}.{name}"):
            assert rule.methods
            rule.methods.discard("HEAD")


class _Shelf:
    """The models that the caller of the current request may know of."""

    def __init__(self, gateway: Gateway, service: Service) -> None:
        self._router = gateway.router
        self._service = service
        self._scope = scope_of(service, PREFIX, gateway.settings)
        self.open = self._scope.settings.open_discovery

    def offers(self) -> list[Offer]:
        """All of them; an error when no upstream told of any."""
        offers = self._router.models(self._scope, self._allowed())
        if not offers:
            self._router.check_listed(self._scope)
        return offers

    def find(self, name: str) -> Offer:
        """The one that `name` leads to, under that very name; ModelNotFound."""
        offer = self._router.model(self._scope, name, self._allowed())
        return replace(offer, name=name)

    def _allowed(self) -> Allowed:
        if self.open and "principal" not in g:
            return anything  # nobody was asked who they are
        return permitted(self._service)


def _add_facts(blueprint: Blueprint) -> None:
    @blueprint.get("")
    @access("public")
    def running() -> ResponseReturnValue:
        return Response("Ollama is running", content_type="text/plain; charset=utf-8")

    @blueprint.get("/api/version")
    @access("public")
    def version() -> ResponseReturnValue:
        return _told({"version": VERSION})

    @blueprint.get("/api/status")
    @access("list")
    def status() -> ResponseReturnValue:
        return _told({"cloud": {"disabled": True, "source": "config"}})

    @blueprint.get("/api/experimental/model-recommendations")
    @access("list")
    def recommendations() -> ResponseReturnValue:
        return _told({"recommendations": []})


def _add_models(blueprint: Blueprint, shelf: _Shelf) -> None:
    discovery: Access = "public" if shelf.open else "list"

    @blueprint.get("/api/tags")
    @access(discovery)
    def tags() -> ResponseReturnValue:
        return _json(listing.render_models(shelf.offers()))

    @blueprint.get("/api/ps")
    @access(discovery)
    def loaded() -> ResponseReturnValue:
        until = time.time() + _LOADED_S
        return _json(listing.render_loaded(shelf.offers(), until))

    @blueprint.post("/api/show")
    @access(discovery)
    def show() -> ResponseReturnValue:
        asked = read_lookup("ShowRequest", g.body)
        try:
            offer = shelf.find(asked.name)
        except ModelNotFound as error:
            raise not_found(tagged(asked.name)) from error
        return _json(listing.render_model(offer))

    @blueprint.post("/api/pull")
    @access("list")
    def pull() -> ResponseReturnValue:
        asked = read_lookup("PullRequest", g.body)
        shelf.find(asked.name)
        return _pulled(asked)


def _add_refusals(blueprint: Blueprint) -> None:
    for method, path, what in _DISABLED:
        blueprint.add_url_rule(
            path,
            endpoint=f"{method} {path}",
            view_func=_disabled(what),
            methods=[method],
        )

    @blueprint.route("/api/blobs/<digest>", methods=["HEAD"])
    @access("list")
    def blob(digest: str) -> ResponseReturnValue:
        raise NotFound(f"there is no blob {digest[:100]}")


def _disabled(what: str) -> Callable[..., ResponseReturnValue]:
    @access("list")
    def refuse(**_where: str) -> ResponseReturnValue:
        raise Forbidden(f"{what} is disabled on this server")

    return refuse


def _pulled(asked: Lookup) -> Response:
    """What a pull says of a model that is there already."""
    if asked.stream:
        return Response(iter(_PULLED), content_type="application/x-ndjson")
    return Response(_PULLED[-1], content_type="application/json; charset=utf-8")


def _told(value: dict[str, Any]) -> Response:
    return _json(orjson.dumps(value))


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json; charset=utf-8")
