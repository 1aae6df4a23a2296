"""The ground and the people of the matrix, made once for each kind of server."""

from collections.abc import Iterator

import pytest

from tests.databases import migrated
from tests.matrix.asking import Walk
from tests.matrix.ground import Ground, Line, standing_ground
from tests.matrix.people import KINDS

__all__ = ["migrated"]


@pytest.fixture(scope="session")
def ground(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("matrix") / "data"
    with standing_ground(server, folder) as made:
        yield made


@pytest.fixture(scope="session")
def walk(ground: Ground) -> Iterator[Walk]:
    """Asks as anybody, by any way."""
    line = Line(ground.gateway)
    yield Walk(ground, line, {kind: make(ground) for kind, make in KINDS.items()})
    line.close()


@pytest.fixture
def line(ground: Ground) -> Iterator[Line]:
    made = Line(ground.gateway)
    yield made
    made.close()
