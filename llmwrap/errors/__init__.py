"""Every error that the gateway can answer with: one tree, drawn here.

    GatewayError            status type                   code                    fault
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
    |  |- AccessRevoked       403                         access_revoked
    |- RateLimited            429  rate_limit_error       rate_limit_exceeded     policy
    |  |- TokensLimited       429                         token_limit_exceeded
    |  |- ConcurrencyLimited  429                         concurrency_limit_exceeded
    |- UpstreamError          502  upstream_error         upstream_error          upstream
    |  |- UpstreamUnreachable 502                         upstream_unreachable
    |  |- UpstreamDisconnected 502                        upstream_disconnected
    |  |- UpstreamProtocolError 502                       upstream_protocol_error
    |  |  |- UpstreamRedirected 502                       upstream_protocol_error
    |  |  |- UpstreamPathMissing 502                      upstream_protocol_error
    |  |- UpstreamUnavailable 502                         upstream_error
    |  |- UpstreamMute        502                         upstream_error
    |  |- UpstreamCrashed     502                         upstream_crashed
    |  |- UpstreamAuthFailed  502                         upstream_auth_failed
    |  |- UpstreamModelMissing 404 invalid_request_error  model_not_found
    |  |- UpstreamTimeout     504                         upstream_timeout
    |  |  |- UpstreamOverran  504                         upstream_timeout
    |  |- UpstreamSlow        504                         upstream_timeout
    |  |- ModelLoading        503                         model_loading
    |  |- UpstreamNotReady    503                         overloaded
    |  |  |- UpstreamOverloaded 503                       overloaded
    |  |- UpstreamRateLimited 429  rate_limit_error       upstream_rate_limited
    |  |- EmptyAnswer         422                         empty_response
    |- UpstreamRefusal        as the upstream said; the refusal is about the request
    |- GatewayFault           500  server_error           internal_error          gateway
       |- Overloaded          503                         overloaded
       |- NoHealthyUpstream   503                         no_healthy_upstream
       |- BackendUnavailable  503                         backend_unavailable
       |- IdentityProviderUnavailable 503                 identity_provider_unavailable
       |- StorageUnavailable  503                         storage_unavailable
       |- Draining            503                         draining

Raised below `web/`; rendered by one handler in the shape of the route's dialect. A message says
what was wrong, the value and what is accepted; never a URL, a key or another user's data.
Codes and types: contracts of the OpenAI surface, 2026-11.
"""

from llmwrap.errors.base import (
    Fault,
    GatewayError,
)
from llmwrap.errors.caller import (
    AccessRevoked,
    AccountBlocked,
    ConcurrencyLimited,
    Forbidden,
    InvalidJson,
    InvalidRequest,
    MethodNotAllowed,
    MissingParameter,
    ModelNotFound,
    NotFound,
    RateLimited,
    RequestTimeout,
    RequestTooLarge,
    TokensLimited,
    Unauthenticated,
    UnsupportedParameter,
)
from llmwrap.errors.gateway import (
    BackendUnavailable,
    Draining,
    GatewayFault,
    IdentityProviderUnavailable,
    NoHealthyUpstream,
    Overloaded,
    StorageUnavailable,
)
from llmwrap.errors.upstream import (
    EmptyAnswer,
    ModelLoading,
    UpstreamAuthFailed,
    UpstreamCrashed,
    UpstreamDisconnected,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamMute,
    UpstreamNotReady,
    UpstreamOverloaded,
    UpstreamOverran,
    UpstreamPathMissing,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRedirected,
    UpstreamRefusal,
    UpstreamSlow,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)

__all__ = [
    "AccessRevoked",
    "AccountBlocked",
    "BackendUnavailable",
    "ConcurrencyLimited",
    "Draining",
    "EmptyAnswer",
    "Fault",
    "Forbidden",
    "GatewayError",
    "GatewayFault",
    "IdentityProviderUnavailable",
    "InvalidJson",
    "InvalidRequest",
    "MethodNotAllowed",
    "MissingParameter",
    "ModelLoading",
    "ModelNotFound",
    "NoHealthyUpstream",
    "NotFound",
    "Overloaded",
    "RateLimited",
    "RequestTimeout",
    "RequestTooLarge",
    "StorageUnavailable",
    "TokensLimited",
    "Unauthenticated",
    "UnsupportedParameter",
    "UpstreamAuthFailed",
    "UpstreamCrashed",
    "UpstreamDisconnected",
    "UpstreamError",
    "UpstreamModelMissing",
    "UpstreamMute",
    "UpstreamNotReady",
    "UpstreamOverloaded",
    "UpstreamOverran",
    "UpstreamPathMissing",
    "UpstreamProtocolError",
    "UpstreamRateLimited",
    "UpstreamRedirected",
    "UpstreamRefusal",
    "UpstreamSlow",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "UpstreamUnreachable",
]
