"""The stage that most tests of the surface play on: one gateway, three upstreams."""

from collections.abc import Iterator

import pytest

from tests.fakes import FakeUpstream, json_answer
from tests.gateway import Gateway, serving
from tests.web.faults import Ground, Pair, failing_ground
from tests.web.guarded import guarded_settings
from tests.web.manned import manned
from tests.web.surface import (
    ALIAS,
    CHAT,
    CODE,
    DEEP,
    EMBED,
    LIMIT,
    UPSTREAM_KEY,
    Body,
    Stage,
    Watched,
    reset,
)

__all__ = ["manned"]


@pytest.fixture(scope="session")
def chat_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=(CHAT, DEEP, "unlisted")) as fake:
        yield fake


@pytest.fixture(scope="session")
def code_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=(CODE,)) as fake:
        yield fake


@pytest.fixture(scope="session")
def embed_upstream() -> Iterator[FakeUpstream]:
    """Like TEI: it serves one model and has no list of models."""
    with FakeUpstream() as fake:
        fake.on("GET", "/v1/models", json_answer(404, {}))
        yield fake


@pytest.fixture(scope="session")
def pools(
    chat_upstream: FakeUpstream,
    code_upstream: FakeUpstream,
    embed_upstream: FakeUpstream,
) -> list[Body]:
    """A pool of each kind; the one for code has a default model."""
    chat = {"name": "chat-1", "url": f"{chat_upstream.url}/v1", "api_key": UPSTREAM_KEY}
    code = {"name": "code-1", "url": f"{code_upstream.url}/v1"}
    embed = {"name": "embed-1", "url": f"{embed_upstream.url}/v1"}
    return [
        {
            "name": "mistral",
            "kind": "chat",
            "models": ["Mistral-*", "org/*"],
            "aliases": {ALIAS: CHAT},
            "upstreams": [chat],
        },
        {
            "name": "devstral",
            "kind": "code",
            "models": ["Devstral-*"],
            "default_model": CODE,
            "upstreams": [code],
        },
        {
            "name": "minilm",
            "kind": "embed",
            "models": [EMBED],
            "owned_by": "sentence-transformers",
            "upstreams": [embed],
        },
    ]


@pytest.fixture(scope="session")
def shared_gateway(server: str, pools: list[Body]) -> Iterator[Gateway]:
    """A gateway without users on loopback: open, with a default model on some services."""
    settings = {
        "server": {"max_body_bytes": LIMIT},
        "services": {"v1": {"default_model": CHAT}},
        "pools": pools,
    }
    with serving(settings, server=server) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def guarded(server: str, pools: list[Body]) -> Iterator[Gateway]:
    """A gateway over the same upstreams that asks for a credential."""
    with serving(guarded_settings() | {"pools": pools}, server=server) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def lenient(server: str, pools: list[Body]) -> Iterator[Gateway]:
    """A gateway that is open on purpose, and passes remote addresses of images on."""
    settings = {
        "auth": {"mode": "off"},
        "media": {"remote": "forward"},
        "pools": pools,
    }
    with serving(settings, server=server) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def failing(server: str) -> Iterator[Ground]:
    """A gateway with many pools over two servers that fail as a test says."""
    with failing_ground(server) as made:
        yield made


@pytest.fixture
def pair(failing: Ground) -> Pair:
    return failing.pair()


@pytest.fixture
def alone(failing: Ground) -> Pair:
    return failing.alone()


@pytest.fixture
def stage(
    shared_gateway: Gateway,
    chat_upstream: FakeUpstream,
    code_upstream: FakeUpstream,
    embed_upstream: FakeUpstream,
) -> Stage:
    for fake in (chat_upstream, code_upstream, embed_upstream):
        reset(fake)
    return Stage(
        shared_gateway,
        Watched.now(chat_upstream),
        Watched.now(code_upstream),
        Watched.now(embed_upstream),
    )


@pytest.fixture
def gateway(stage: Stage) -> Gateway:
    """The gateway of the stage, for tests that care for nothing else."""
    return stage.gateway
