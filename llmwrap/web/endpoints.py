"""The views of the model operations: read, resolve, relay. One maker, no dialect in sight."""

from flask import Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from llmwrap.auth.guard import access
from llmwrap.canonical.messages import Operation, Request
from llmwrap.exchange import Exchange
from llmwrap.gateway import Gateway
from llmwrap.handover import RELAY, RELAY_WANTED
from llmwrap.relay import Relay, Terms
from llmwrap.routing import Route, Scope
from llmwrap.web.reply import Driver
from llmwrap.web.services import Service, View, dialect_of


class Endpoints:
    """The views of one service at one prefix."""

    def __init__(self, gateway: Gateway, service: Service, prefix: str) -> None:
        settings = gateway.settings
        compatibility = settings.services[service.settings]
        self._gateway = gateway
        self._service = service
        self._scope = Scope(service.name, prefix, service.kinds, compatibility)
        self._terms = Terms(dialect_of(service), compatibility, settings.timeouts)

    def view_of(self, operation: Operation) -> View:
        """The view of `operation`, with the access that it needs."""
        if operation == "list_models":
            return access("list")(self.list_models)
        if operation == "show_model":
            return access("list")(self.show_model)

        @access("generate")
        def view() -> ResponseReturnValue:
            return self._forward(operation)

        return view

    def list_models(self) -> ResponseReturnValue:
        """Every model that can be called here; an error when nobody told of any."""
        entries = self._gateway.router.models(self._scope)
        if not entries:
            self._gateway.router.check_listed(self._scope)
        return jsonify(object="list", data=[self._owned(entry) for entry in entries])

    def show_model(self, model: str) -> ResponseReturnValue:
        """One entry of that list; ids may contain slashes."""
        return jsonify(self._owned(self._gateway.router.model(self._scope, model)))

    def _owned(self, entry: dict[str, object]) -> dict[str, object]:
        owner = self._service.owned_by
        return entry | {"owned_by": owner} if owner else entry

    def _forward(self, operation: Operation) -> ResponseReturnValue:
        gateway, terms = self._gateway, self._terms
        exchange: Exchange = g.exchange
        exchange.service = self._service.name
        exchange.operation = operation
        asked = terms.dialect.read_request(
            operation, g.body, terms.service, gateway.settings.media
        )
        exchange.model = asked.model
        exchange.stream = asked.stream
        route = gateway.router.resolve(self._scope, asked.model, operation)
        relay = self._relay(asked, route, exchange)
        if RELAY_WANTED in request.environ:
            request.environ[RELAY] = relay
            return Response()
        return Driver(relay, gateway).respond()

    def _relay(self, asked: Request, route: Route, exchange: Exchange) -> Relay:
        exchange.model = route.model
        exchange.upstream_model = route.upstream_model
        return Relay(self._terms, asked.named(route.model), route, exchange)
