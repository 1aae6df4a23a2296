"""What every test of the HTTP surface starts from: the servers it runs on."""

import pytest

from tests.gateway import SERVERS

pytest.register_assert_rewrite("tests.web.surface")


KINDS = [
    pytest.param(kind, marks=() if kind == "relay" else pytest.mark.integration)
    for kind in SERVERS
]
"""The production server in every run, the others with the slow tests."""


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest) -> str:
    """The kind of server; every test that asks for a gateway runs once on each."""
    return str(request.param)
