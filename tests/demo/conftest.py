"""A demo upstream that serves, and official clients for it."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from llmwrap.demo import DemoUpstream


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoUpstream]:
    upstream = DemoUpstream()
    upstream.start()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def client(demo: DemoUpstream) -> Iterator[OpenAI]:
    with OpenAI(base_url=demo.url, api_key="unused", max_retries=0) as sdk:
        yield sdk
