"""What a model list answers while no upstream has told any: that it is not known, not that it is
empty. A worker that has just begun is in that state, for as long as its upstreams take.
"""

from llmwrap.errors import NoHealthyUpstream
from llmwrap.gateway import Gateway
from llmwrap.routing import Allowed, Scope


def check_heard(gateway: Gateway, scope: Scope, allowed: Allowed) -> None:
    """NoHealthyUpstream while `scope` has no model and an upstream has yet to be heard."""
    if not gateway.catalog.ready and not gateway.router.models(scope, allowed):
        told = "the upstreams have not told yet which models they serve"
        raise NoHealthyUpstream(told, retry_after_s=1)
