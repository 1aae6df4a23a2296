"""Every error that the gateway can answer with: one tree, drawn here.

    GatewayError            status type                   code                    fault     again
    |- InvalidRequest         400  invalid_request_error  invalid_value           caller
    |  |- InvalidJson         400                         invalid_json
    |  |- MissingParameter    400                         missing_required_parameter
    |  |- UnsupportedParameter 400                        unsupported_parameter
    |  |- NotFound            404                         not_found
    |  |- ModelNotFound       404                         model_not_found
    |  |- MethodNotAllowed    405                         method_not_allowed
    |  |- RequestTimeout      408                         request_timeout
    |  |- RequestTooLarge     413                         request_too_large
    |- Unauthenticated        401  authentication_error   invalid_api_key         policy
    |- Forbidden              403  permission_error       forbidden               policy
    |  |- AccountBlocked      403                         account_blocked
    |- RateLimited            429  rate_limit_error       rate_limit_exceeded     policy
    |- UpstreamError          502  upstream_error         upstream_error          upstream  yes
    |  |- UpstreamUnreachable 502                         upstream_unreachable              yes
    |  |- UpstreamDisconnected 502                        upstream_disconnected             yes
    |  |- UpstreamProtocolError 502                       upstream_protocol_error           yes
    |  |- UpstreamAuthFailed  502                         upstream_auth_failed
    |  |- UpstreamTimeout     504                         upstream_timeout
    |  |- ModelLoading        503                         model_loading                     yes
    |  |- UpstreamOverloaded  503                         overloaded                        yes
    |  |- EmptyAnswer         422                         empty_response
    |  |- UpstreamRefusal     as the upstream said; the refusal is about the request
    |- GatewayFault           500  server_error           internal_error          gateway
       |- Overloaded          503                         overloaded
       |- NoHealthyUpstream   503                         no_healthy_upstream
       |- BackendUnavailable  503                         backend_unavailable
       |- Draining            503                         draining

Raised below `web/`; rendered by one handler in the shape of the route's dialect. A message says
what was wrong, the value and what is accepted; never a URL, a key or another user's data.
Codes and types: contracts of the OpenAI surface, 2026-11.
"""

from typing import ClassVar, Literal

Fault = Literal["caller", "policy", "upstream", "gateway"]


class GatewayError(Exception):
    """A refusal or failure with its wire facts.

    `param` names the field at fault; `retry_after_s` is sent as whole seconds; `headers` are
    added to the answer as they are (`Allow`, `WWW-Authenticate`).
    """

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str = "internal_error"
    fault: Fault = "gateway"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self._headers = headers

    def answer_headers(self) -> tuple[tuple[str, str], ...]:
        """What an answer says of it in headers: whose fault it was, when to come again."""
        headers = (*self._headers, ("x-llmwrap-fault", self.fault))
        if self.retry_after_s is None:
            return headers
        return (*headers, ("Retry-After", str(max(1, round(self.retry_after_s)))))


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
    """No such model here: unknown, of another service, or not for this caller; all look alike."""

    status = 404
    code = "model_not_found"

    def __init__(self, message: str, *, code: str = "model_not_found") -> None:
        super().__init__(message, param="model")
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


class RateLimited(GatewayError):
    """Too much for this caller now."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    fault: Fault = "policy"


class UpstreamError(GatewayError):
    """The upstream failed; another one may do better."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"
    fault: Fault = "upstream"
    retryable = True


class UpstreamUnreachable(UpstreamError):
    """No connection: nothing of the request was sent."""

    code = "upstream_unreachable"


class UpstreamDisconnected(UpstreamError):
    """The connection broke after the request was (partly) sent."""

    code = "upstream_disconnected"


class UpstreamProtocolError(UpstreamError):
    """The upstream's bytes are not what its protocol says."""

    code = "upstream_protocol_error"


class UpstreamAuthFailed(UpstreamError):
    """The upstream refused the gateway's own key."""

    code = "upstream_auth_failed"
    retryable = False


class UpstreamTimeout(UpstreamError):
    """A deadline passed; the upstream may still be working, so it is not asked again."""

    status = 504
    code = "upstream_timeout"
    retryable = False


class ModelLoading(UpstreamError):
    """The upstream is up, its model is not yet."""

    status = 503
    code = "model_loading"


class UpstreamOverloaded(UpstreamError):
    """The upstream said that it is too busy."""

    status = 503
    code = "overloaded"


class EmptyAnswer(UpstreamError):
    """The model returned nothing (reference document 000 asks for 422)."""

    status = 422
    code = "empty_response"
    retryable = False


class UpstreamRefusal(GatewayError):
    """The upstream refused the request itself: its status, type, code and text go to the caller."""

    type = "invalid_request_error"
    fault: Fault = "caller"

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.status = status
        self.code = code


class UpstreamRateLimited(UpstreamError):
    """The upstream is out of quota or patience for now."""

    status = 429
    type = "rate_limit_error"
    code = "upstream_rate_limited"


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
