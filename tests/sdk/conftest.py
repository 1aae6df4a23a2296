"""The gateway under gunicorn, a demo upstream and a scripted one behind it, clients for it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from openai import OpenAI

from llmwrap.demo import DemoUpstream
from tests.fakes import FakeUpstream
from tests.gateway import Gateway, serving
from tests.sdk.places import CHAT, CODE, EMBED, KEY, READER, OpenClient
from tests.sdk.stage import at_api, native, stage, two_dialects, vllm

__all__ = ["at_api", "native", "stage", "two_dialects", "vllm"]

READER_HASH = (
    "pbkdf2:sha256:1$salt$"
    "cd2aaf6b80ac15acc360e5fab908d85f803473970899fcabd25e1325c4b46e97"
)

CONFIG = """
[auth]
api_key = "{key}"

[[users]]
username = "{reader}"
password_hash = "{hash}"
groups = ["readers"]
"""

POOL = """
[[pools]]
name = "{name}"
kind = "{kind}"
models = {models}
upstreams = [{{ name = "{name}", url = "{url}" }}]
"""


@pytest.fixture(scope="session")
def scripted() -> Iterator[FakeUpstream]:
    """Serves `tiny`, `team/tiny` and `tiny-code`; the test says how."""
    with FakeUpstream(models=("tiny", "team/tiny", "tiny-code")) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gateway(scripted: FakeUpstream) -> Iterator[Gateway]:
    """A gateway that asks for a key."""
    config = CONFIG.format(key=KEY, reader=READER, hash=READER_HASH)
    with ExitStack() as stack:
        for model in (CHAT, CODE, EMBED):
            demo = DemoUpstream()
            stack.callback(demo.close)
            demo.start()
            kind = model.rpartition("-")[2]
            config += POOL.format(name=model, kind=kind, models=[model], url=demo.url)
        for name, kind, models in (
            ("scripted-chat", "chat", ["tiny", "team/*"]),
            ("scripted-code", "code", ["tiny-code"]),
        ):
            url = f"{scripted.url}/v1"
            config += POOL.format(name=name, kind=kind, models=models, url=url)
        yield stack.enter_context(serving(config))


@pytest.fixture
def open_client(gateway: Gateway) -> Iterator[OpenClient]:
    with ExitStack() as stack:

        def make(prefix: str, **options: object) -> OpenAI:
            options = {"api_key": KEY, "max_retries": 0} | options
            return stack.enter_context(OpenAI(base_url=gateway.url + prefix, **options))

        yield make
