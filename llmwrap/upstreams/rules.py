"""The retry rules as data: what each kind of upstream error means for the next attempt.

Source: the status table of the reliability contract, 2026-11, after Envoy, nginx and HAProxy: only
before the first byte, another upstream each time, and never after a first-byte timeout.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmwrap.errors import (
    GatewayError,
    ModelLoading,
    UpstreamAuthFailed,
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
    UpstreamSlow,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)

MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """`retries`: how many further attempts of one request this error may cause.

    `counts`: whether it speaks for the upstream's ejection. `rest_s`: how long the upstream is
    left alone when it did not say how long itself. `crash`: whether the request may have killed
    the upstream, so that the poison guard has to look at it. `listing_mends`: whether a list of
    models that comes is a sign that it is over; an engine that died may list them all the same.
    """

    retries: int
    counts: bool
    rest_s: float = 0.0
    crash: bool = False
    listing_mends: bool = False


NO_RETRY = Rule(retries=0, counts=False)

RULES: Mapping[type[GatewayError], Rule] = {
    UpstreamUnreachable: Rule(retries=2, counts=True, listing_mends=True),
    UpstreamDisconnected: Rule(retries=1, counts=True, crash=True),
    UpstreamProtocolError: Rule(retries=2, counts=True),
    UpstreamRedirected: Rule(retries=0, counts=True),
    UpstreamPathMissing: Rule(retries=2, counts=False),
    UpstreamTimeout: Rule(retries=0, counts=True),
    UpstreamOverran: NO_RETRY,
    UpstreamSlow: Rule(retries=1, counts=False),
    UpstreamError: Rule(retries=1, counts=True),
    UpstreamMute: Rule(retries=1, counts=True, crash=True),
    UpstreamUnavailable: Rule(retries=2, counts=True, listing_mends=True),
    ModelLoading: Rule(retries=2, counts=False, rest_s=2.0),
    UpstreamNotReady: Rule(retries=2, counts=True, rest_s=1.0),
    UpstreamOverloaded: Rule(retries=2, counts=False, rest_s=5.0),
    UpstreamRateLimited: Rule(retries=2, counts=False, rest_s=5.0),
    UpstreamModelMissing: Rule(retries=2, counts=False),
    UpstreamAuthFailed: Rule(retries=1, counts=False, rest_s=60.0),
}


def rule_of(error: GatewayError) -> Rule:
    """The rule for `error`; errors that no upstream caused are never retried."""
    return RULES.get(type(error), NO_RETRY)
