"""Our own trouble."""

from llmwrap.errors.base import GatewayError


class GatewayFault(GatewayError):
    """Our own trouble."""


class Overloaded(GatewayFault):
    """No room for this request now."""

    status = 503
    code = "overloaded"


class NoHealthyUpstream(GatewayFault):
    """No attempt was possible: every upstream of the pool is out."""

    status = 503
    code = "no_healthy_upstream"


class BackendUnavailable(GatewayFault):
    """Our database or store does not answer."""

    status = 503
    code = "backend_unavailable"


class Draining(GatewayFault):
    """This server is about to stop."""

    status = 503
    code = "draining"
