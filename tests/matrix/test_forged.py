"""Forged tokens are 401 on every route that asks who it is (reliability rows 59, 60, 73)."""

import json
from collections.abc import Iterable, Mapping
from itertools import cycle

import pytest

from llmwrap.auth.users import user_id
from tests.matrix.forged import FORGED, GOOD, Make
from tests.matrix.ground import Ground, Line
from tests.matrix.table import ROUTES, Route
from tests.web.manned import bearer
from tests.web.surface import Body

PROTECTED = {column: ROUTES[column] for column in ROUTES if column != "open"}
EVERY = tuple(route for routes in PROTECTED.values() for route in routes)
IDS = {"own_key": "a", "other_key": "b", "absent_key": "c"}

CARRIERS = {
    "Bearer": bearer,
    "X-API-Key": lambda token: {"X-API-Key": token},
    "api-key": lambda token: {"api-key": token},
}


def let_in(
    line: Line, route: Route, forged: Mapping[str, Make], carriers: Iterable[str]
) -> list[str]:
    """The tokens that are not answered with 401, a line for each."""
    path = route.path.format(**IDS)
    body = b"" if route.body is None else json.dumps(route.body).encode()
    found = []
    for name, carrier in zip(forged, carriers, strict=False):
        headers = CARRIERS[carrier](forged[name]())
        status = line.status(route.method, path, headers, body)
        if status != 401:
            found.append(f"{name} by {carrier} on {route.method} {path}: {status}")
    return found


def test_there_are_forty_and_more_and_none_twice() -> None:
    made = [make() for make in FORGED.values()]
    assert len(set(made)) == len(made) >= 40


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_token_made_by_hand_is_good(line: Line, name: str, carrier: str) -> None:
    """The control: each forged token differs from one of these in one thing."""
    headers = CARRIERS[carrier](GOOD[name]())
    assert line.status("GET", "/v1/models", headers) == 200


@pytest.mark.parametrize("column", PROTECTED)
def test_each_is_401_on_a_route_of_each_class(line: Line, column: str) -> None:
    assert let_in(line, PROTECTED[column][0], FORGED, cycle(CARRIERS)) == []


def test_every_route_refuses_some(line: Line, ground: Ground) -> None:
    before, names = ground.requests(), cycle(FORGED)
    for route in EVERY:
        some = {name: FORGED[name] for name in (next(names), next(names))}
        assert let_in(line, route, some, cycle(CARRIERS)) == []
    assert ground.requests() == before


@pytest.mark.integration
def test_every_route_refuses_each(line: Line, ground: Ground) -> None:
    before = ground.requests()
    found = [
        wrong
        for route in EVERY
        for wrong in let_in(line, route, FORGED, cycle(CARRIERS))
    ]
    assert found == []
    assert ground.requests() == before


def guest(ground: Ground) -> Body:
    answer = ground.gateway.request("POST", "/llm/auth/guest-login")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_refresh_token_opens_nothing(ground: Ground, line: Line) -> None:
    token = guest(ground)["refresh_token"]
    refresh = {"a refresh token": lambda: token}
    carriers = cycle(CARRIERS)
    for route in EVERY:
        assert let_in(line, route, refresh, carriers) == []
    answer = ground.gateway.post("/auth/refresh", {"refresh_token": token})
    assert answer.status_code == 200


@pytest.mark.parametrize("door", ["/auth/refresh", "/llm/auth/refresh-token"])
def test_access_token_refreshes_nothing(ground: Ground, door: str) -> None:
    token = guest(ground)["access_token"]
    answers = [
        ground.gateway.post(door, {"refresh_token": token}),
        ground.gateway.request("POST", door, headers=bearer(token)),
        ground.gateway.get(door, headers={"Cookie": f"refresh_token={token}"}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert ground.gateway.get("/v1/models", headers=bearer(token)).status_code == 200


def test_guest_may_manage_nobody_else(ground: Ground) -> None:
    """Row 73: what a guest's token opens is what is a guest's own."""
    headers = bearer(guest(ground)["access_token"])
    own = ground.new_key(user_id("root"))[0].id
    for at in ("/auth", "/llm/auth", "/api/llm/auth"):
        path = f"{at}/api-keys/{own}"
        ended = ground.gateway.request("DELETE", path, headers=headers)
        assert ended.status_code == 404
        listed = ground.gateway.get(f"{at}/api-keys", headers=headers)
        assert listed.json() == {"items": []}
