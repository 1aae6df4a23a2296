"""Every kind of principal by every way to every route: what the table says, and no route without.

The quick part takes every way and every class of routes of each kind, the whole product is for
`integration`.
"""

import json
import re
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path

import pytest
from flask import Flask

from llmwrap.app import create_app
from llmwrap.settings.values import (
    SERVICE_NAMES,
    PoolSettings,
    Server,
    Settings,
    UpstreamSettings,
)
from tests.matrix.asking import Step, Walk, routes_for, steps
from tests.matrix.ground import Ground, Line
from tests.matrix.people import KINDS
from tests.matrix.table import CELLS, MODEL_CLASSES, ROUTES, SERVICES
from tests.web.manned import bearer

OWN_PATH = re.compile(
    "/(api/(chat|generate|embed|embeddings)|chat/completions|completions|embeddings)$"
)
"""What stands behind the prefix of a service."""

ONLY_RELAY = pytest.mark.parametrize("server", ["relay"], indirect=True)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("rules")
    upstream = UpstreamSettings("u", "http://127.0.0.1:1")
    pool = PoolSettings("p", "chat", ("*",), (upstream,))
    return create_app(Settings(server=Server(data_dir=str(folder)), pools=(pool,)))


def test_table_has_a_row_for_each_kind_and_a_column_for_each_class() -> None:
    assert list(CELLS) == list(KINDS)
    for row in CELLS.values():
        assert list(row) == list(ROUTES)
        assert set(row.values()) <= {"in", "401", "403", "404"}


def test_every_route_of_the_application_belongs_to_a_class(app: Flask) -> None:
    """A new route without a class fails here."""
    adapter = app.url_map.bind("localhost")
    matched = set()
    for route in (route for routes in ROUTES.values() for route in routes):
        path = route.path.format(own_key="x", other_key="x", absent_key="x")
        rule, _ = adapter.match(path, route.method, return_rule=True)
        matched.add((route.method, rule.rule))
    registered = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS"}
        if method != "HEAD" or "GET" not in (rule.methods or set())
    }
    assert matched == registered


def test_keys_are_tried_for_each_service() -> None:
    assert set(SERVICES) == set(SERVICE_NAMES)


def diagonal(walk: Walk) -> Iterator[Step]:
    """Every carrier of each kind at least once, and every class, with changing routes."""
    numbers = count()
    for kind, cast in walk.cast.items():
        pairs = zip(cycle(cast.carriers), cycle(ROUTES), strict=False)
        for carrier, column in islice(pairs, max(len(cast.carriers), len(ROUTES))):
            fitting = column if routes_for(carrier, column) else "known"
            # A default key that is made and not ended would meet the whole walk.
            routes = [
                each
                for each in routes_for(carrier, fitting)
                if (each.method, each.path) != ("POST", "/api/v1/auths/api_key")
            ]
            route = routes[next(numbers) % len(routes)]
            yield Step(kind, carrier, fitting, route)


def as_in_table(walk: Walk, asked: Iterator[Step]) -> None:
    wrong = walk.wrong(asked)
    assert not wrong, "\n".join(wrong[:50])
    assert walk.ended() == set()


def test_each_kind_meets_what_the_table_says(walk: Walk) -> None:
    as_in_table(walk, diagonal(walk))


def test_nobody_gets_in_anywhere(walk: Walk) -> None:
    as_in_table(walk, steps(walk.cast, "nobody"))


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
@ONLY_RELAY
def test_whole_matrix(walk: Walk, kind: str) -> None:
    before = walk.asked
    as_in_table(walk, steps(walk.cast, kind))
    assert walk.asked - before >= len(walk.cast[kind].carriers) * 50


@pytest.mark.parametrize("service", SERVICES)
def test_key_for_a_service_opens_no_other(
    ground: Ground, line: Line, service: str
) -> None:
    """Every route that uses a model, by a key for each of the services."""
    scopes = {"services": (service,)}
    headers = bearer(ground.new_key(ground.add().id, scopes=scopes)[1])
    opened = set()
    for column in MODEL_CLASSES:
        for route in ROUTES[column]:
            body = json.dumps(route.body).encode()
            status = line.status(route.method, route.path, headers, body)
            assert status in (200, 404), route.path
            if status == 200:
                opened.add(route.path)
    assert opened == {
        route.path
        for column in MODEL_CLASSES
        for route in ROUTES[column]
        if OWN_PATH.sub("", route.path) in SERVICES[service]
    }


@pytest.mark.parametrize("path", ["/", "/v1/models", "/ollama/api/chat", "/auth/me"])
def test_options_runs_no_view_and_asks_nobody(line: Line, path: str) -> None:
    answer, body = line.ask("OPTIONS", path, {"Authorization": "Bearer sk-nobodys"})
    assert answer.status in (200, 204)
    assert body == b""
