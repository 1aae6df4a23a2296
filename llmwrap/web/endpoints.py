"""The views of the model operations: read, resolve, relay. One maker, no dialect in sight."""

from dataclasses import replace

from flask import Response
from flask.typing import ResponseReturnValue

from llmwrap.auth.guard import access, current
from llmwrap.dialects.base import Offer, RouteRule
from llmwrap.exchange import Exchange
from llmwrap.gateway import Gateway
from llmwrap.handover import RELAY, RELAY_WANTED
from llmwrap.relay import Relay, Terms
from llmwrap.web.permitted import permitted
from llmwrap.web.reply import Driver, Handover
from llmwrap.web.services import Service, View, dialect_of, scope_of


class Endpoints:
    """The views of one service at one prefix."""

    def __init__(self, gateway: Gateway, service: Service, prefix: str) -> None:
        self._gateway = gateway
        self._service = service
        self._scope = scope_of(service, prefix, gateway.settings)
        self._terms = Terms(
            dialect_of(service), self._scope.settings, gateway.settings.timeouts
        )

    def view_of(self, rule: RouteRule) -> View:
        """The view of what comes by `rule`, with the access that it needs."""
        if rule.operation == "list_models":
            return access("list")(self.list_models)
        if rule.operation == "show_model":
            return access("list")(self.show_model)

        @access("generate")
        def view() -> ResponseReturnValue:
            return self._forward(rule)

        return view

    def list_models(self) -> ResponseReturnValue:
        """Every model that can be called here; an error when nobody told of any."""
        router, allowed = self._gateway.router, permitted(self._service)
        offers = router.models(self._scope, allowed)
        if not offers:
            router.check_listed(self._scope)
        offers = [self._owned(each) for each in offers]
        return self._json(self._terms.dialect.render_models(offers))

    def show_model(self, model: str) -> ResponseReturnValue:
        """One entry of that list; ids may contain slashes."""
        router, allowed = self._gateway.router, permitted(self._service)
        offer = router.model(self._scope, model, allowed)
        return self._json(self._terms.dialect.render_model(self._owned(offer)))

    def _owned(self, offer: Offer) -> Offer:
        owner = self._service.owned_by
        return replace(offer, owned_by=owner) if owner else offer

    def _forward(self, rule: RouteRule) -> ResponseReturnValue:
        gateway, terms = self._gateway, self._terms
        sent, facts = current()
        exchange: Exchange = facts.exchange
        exchange.service = self._service.name
        exchange.operation = rule.operation
        asked = terms.dialect.read_request(
            rule, facts.body, terms.service, gateway.settings.media
        )
        exchange.operation = asked.operation
        exchange.model = asked.model
        exchange.stream = asked.stream
        route = gateway.router.resolve(
            self._scope, asked.model, asked.operation, permitted(self._service)
        )
        asked = asked.named(route.model)
        exchange.model = route.model
        terms.dialect.check_model(asked, route.pool.settings)
        if asked.idle:
            return self._json(terms.dialect.render_idle(asked, exchange.stamp))
        exchange.upstream_model = route.upstream_model
        relay = Relay(terms, asked, route, exchange)
        if RELAY_WANTED in sent.environ:
            sent.environ[RELAY] = relay
            return Handover()
        return Driver(relay, gateway).respond()

    def _json(self, body: bytes) -> Response:
        return Response(body, content_type=self._terms.dialect.json_type)
