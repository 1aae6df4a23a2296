"""Which models the caller of the current request may know of."""

from flask import g

from llmwrap.auth.principal import Principal
from llmwrap.routing import Allowed
from llmwrap.web.services import Service


def permitted(service: Service) -> Allowed:
    """By its groups and key; a key that does not open `service` knows of none there.

    Keys are made for services by the names that the configuration has for them.
    """
    principal: Principal = g.principal
    if principal.may_use_service(service.settings):
        return principal.may_use_model
    return _none


def anything(_model: str) -> bool:
    """Where a service shows its models to everybody."""
    return True


def _none(_model: str) -> bool:
    return False
