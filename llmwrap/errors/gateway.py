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


class StorageUnavailable(GatewayFault):
    """The database does not answer; mostly a moment's trouble."""

    status = 503
    code = "storage_unavailable"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=1)


class IdentityProviderUnavailable(GatewayFault):
    """The company's identity provider has not told its keys, so no token of it can be judged."""

    status = 503
    code = "identity_provider_unavailable"


class Draining(GatewayFault):
    """This server is about to stop."""

    status = 503
    code = "draining"
