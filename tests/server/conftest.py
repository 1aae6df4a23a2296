"""The upstream, and a server whose deadlines a test can wait for."""

from collections.abc import Iterator

import pytest

from tests.fakes import FakeUpstream
from tests.server.running import Running, running
from tests.server.stage import MODEL, settings_for


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=(MODEL,)) as fake:
        yield fake


@pytest.fixture(scope="module")
def server(upstream: FakeUpstream) -> Iterator[Running]:
    with running(settings_for(upstream.url)) as made:
        yield made
