"""An upstream failed or refused. Which of these is worth another attempt: `upstreams.rules`."""

from llmwrap.errors.base import Fault, GatewayError


class UpstreamError(GatewayError):
    """The upstream failed; another one may do better."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"
    fault: Fault = "upstream"


class UpstreamUnreachable(UpstreamError):
    """No connection: nothing of the request was sent."""

    code = "upstream_unreachable"


class UpstreamDisconnected(UpstreamError):
    """The connection broke after the request was (partly) sent."""

    code = "upstream_disconnected"


class UpstreamProtocolError(UpstreamError):
    """The upstream's bytes are not what its protocol says."""

    code = "upstream_protocol_error"


class UpstreamRedirected(UpstreamProtocolError):
    """The upstream sent the request elsewhere, which is never followed."""


class UpstreamPathMissing(UpstreamProtocolError):
    """The upstream has nothing at the path of the operation, for any model."""


class UpstreamAuthFailed(UpstreamError):
    """The upstream refused the gateway's own key."""

    code = "upstream_auth_failed"


class UpstreamUnavailable(UpstreamError):
    """A 502, 504 or 52x: what stands before the model server could not reach it."""


class UpstreamMute(UpstreamError):
    """A 5xx without a word: the request may have killed the model server."""


class UpstreamCrashed(UpstreamError):
    """The same request broke two upstreams; it is not carried to a third."""

    code = "upstream_crashed"


class UpstreamModelMissing(UpstreamError):
    """The upstream does not have the model, whatever it listed."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class UpstreamSlow(UpstreamError):
    """The upstream itself gave up waiting (408, 425)."""

    status = 504
    code = "upstream_timeout"


class UpstreamTimeout(UpstreamError):
    """A deadline passed; the upstream may still be working, so it is not asked again."""

    status = 504
    code = "upstream_timeout"


class UpstreamOverran(UpstreamTimeout):
    """The answer took longer than a request may; the upstream did nothing wrong."""


class ModelLoading(UpstreamError):
    """The upstream is up, its model is not yet."""

    status = 503
    code = "model_loading"


class UpstreamNotReady(UpstreamError):
    """A 503 without a word about loading."""

    status = 503
    code = "overloaded"


class UpstreamOverloaded(UpstreamNotReady):
    """The upstream said that it is too busy, which is no failure."""


class EmptyAnswer(UpstreamError):
    """The model returned nothing (reference document 000 asks for 422)."""

    status = 422
    code = "empty_response"


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
