"""The request is wrong, or its sender may not: no upstream was asked."""

from llmwrap.errors.base import Fault, GatewayError


class InvalidRequest(GatewayError):
    """The body says something that no model could serve."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"
    fault: Fault = "caller"


class InvalidJson(InvalidRequest):
    """The body is not one JSON object in UTF-8."""

    code = "invalid_json"


class MissingParameter(InvalidRequest):
    """A required field is absent."""

    code = "missing_required_parameter"


class UnsupportedParameter(InvalidRequest):
    """A field that this gateway refuses on purpose."""

    code = "unsupported_parameter"


class NotFound(InvalidRequest):
    """No such path or object."""

    status = 404
    code = "not_found"


class ModelNotFound(InvalidRequest):
    """No such model here: unknown, of another service, or not for this caller; all look alike.

    `model` is the name that was asked for, `operation` what for: dialects have their own words.
    """

    status = 404
    code = "model_not_found"

    def __init__(
        self,
        message: str,
        *,
        model: str = "",
        operation: str = "",
        code: str = "model_not_found",
    ) -> None:
        super().__init__(message, param="model")
        self.model = model
        self.operation = operation
        self.code = code


class MethodNotAllowed(InvalidRequest):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class RequestTimeout(InvalidRequest):
    """The caller took too long to send the request."""

    status = 408
    code = "request_timeout"


class RequestTooLarge(InvalidRequest):
    """The body is over the limit."""

    status = 413
    code = "request_too_large"


class Unauthenticated(GatewayError):
    """No credential, or one that is not good."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"
    fault: Fault = "policy"


class Forbidden(GatewayError):
    """Known, but not allowed."""

    status = 403
    type = "permission_error"
    code = "forbidden"
    fault: Fault = "policy"


class AccountBlocked(Forbidden):
    """A member of the group `blocked`."""

    code = "account_blocked"


class AccessRevoked(Forbidden):
    """Blocked or revoked while the answer was on its way."""

    code = "access_revoked"


class RateLimited(GatewayError):
    """Too much for this caller now."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    fault: Fault = "policy"


class TokensLimited(RateLimited):
    """More tokens than this caller may use in a minute."""

    code = "token_limit_exceeded"


class ConcurrencyLimited(RateLimited):
    """More requests of this caller at the same moment than it may have."""

    code = "concurrency_limit_exceeded"
