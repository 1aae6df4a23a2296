"""What every test of the faults starts from: the servers it runs on."""

import pytest

from tests.gateway import SERVERS

pytest.register_assert_rewrite("tests.web.surface")


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The kind of server; every test that asks for a gateway runs once on each."""
    return str(request.param)
