"""A real engine, a gateway before it, and the official client."""

import os
from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.engine.install import NotInstallable, engine_python
from tests.engine.process import Engine, running
from tests.gateway import Gateway, serving

POOL = """
[[pools]]
name = "real"
kind = "chat"
models = ["alphabet"]
aliases = {{ alphabet = "{model}" }}
upstreams = [{{ name = "mlx-1", url = "{url}" }}]
"""


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """mlx-lm with a tiny model; skipped where it does not install, but never under CI."""
    try:
        python = engine_python()
    except NotInstallable as failure:
        reason = (
            f"mlx-lm does not install here, it has wheels for Linux x86-64 with glibc 2.35"
            f" or newer and for macOS: {failure}"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with running(python, tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def config(engine: Engine) -> str:
    """The engine as a pool whose model is called `alphabet`."""
    return POOL.format(model=engine.model, url=engine.url)


@pytest.fixture(scope="session")
def gateway(config: str) -> Iterator[Gateway]:
    with serving(config) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    url = f"{gateway.url}/api/v1"
    with OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        yield client
