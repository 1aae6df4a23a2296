"""Asking one upstream for its models, over the control plane's own connections."""

from collections.abc import Callable

from llmwrap.dialects.base import Model
from llmwrap.errors import UpstreamProtocolError
from llmwrap.upstreams.client import UpstreamClient
from llmwrap.upstreams.upstream import Upstream

_MAX_LIST_BYTES = 4_194_304
_NO_SUCH_ROUTE = frozenset({404, 405, 501})


def lister(client: UpstreamClient) -> Callable[[Upstream], tuple[Model, ...]]:
    """A function from an upstream to its models; it raises a GatewayError.

    A server without a model list (TEI, 2026-07) serves what its pool names without a wildcard.
    """

    def models_of(upstream: Upstream) -> tuple[Model, ...]:
        dialect = upstream.dialect
        status, body = client.fetch(upstream, dialect.models_call(), _MAX_LIST_BYTES)
        if status in _NO_SUCH_ROUTE:
            if not upstream.named_models:
                raise UpstreamProtocolError("the upstream has no list of models")
            return tuple(Model(name, 0, {}) for name in upstream.named_models)
        if not 200 <= status < 300:
            raise dialect.read_error(status, body)
        return dialect.read_models(body)

    return models_of
