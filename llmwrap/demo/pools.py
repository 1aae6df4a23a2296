"""The demo's models, and the pools through which the gateway reaches them."""

from collections.abc import Mapping
from types import MappingProxyType

from llmwrap.settings.values import Kind, PoolSettings, UpstreamSettings

DEMO_OWNER = "llmwrap-demo"
"""`owned_by` of every demo model: what marks the demo wherever models are listed."""

DEMO_MODELS: Mapping[Kind, str] = MappingProxyType(
    {
        "chat": "llmwrap-demo-chat",
        "code": "llmwrap-demo-code",
        "embed": "llmwrap-demo-embed",
    }
)
"""One model of each kind; `chat` and `code` generate alike."""


def demo_pools(url: str) -> tuple[PoolSettings, ...]:
    """Return a pool of each kind for the demo upstream at `url`: `DemoUpstream.url`."""
    return tuple(
        PoolSettings(
            name=f"demo-{kind}",
            kind=kind,
            models=(model,),
            upstreams=(UpstreamSettings(name=f"demo-{kind}", url=url),),
            owned_by=DEMO_OWNER,
            default_model=model,
        )
        for kind, model in DEMO_MODELS.items()
    )
