"""Asking the gateway what the table says, and telling where it says something else."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

from llmwrap.storage.api_keys import list_keys
from tests.matrix.ground import Ground, Line
from tests.matrix.people import Cast
from tests.matrix.table import CELLS, MODEL_CLASSES, ROUTES, Route

CHALLENGES = [
    'Basic realm="llmwrap", charset="UTF-8"',
    'Bearer realm="llmwrap"',
]


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the matrix."""

    kind: str
    carrier: str
    column: str
    route: Route


def steps(cast: Mapping[str, Cast], kind: str) -> Iterator[Step]:
    """Every carrier of a kind on every route."""
    for carrier in cast[kind].carriers:
        for column in ROUTES:
            for route in routes_for(carrier, column):
                yield Step(kind, carrier, column, route)


def routes_for(carrier: str, column: str) -> tuple[Route, ...]:
    """The routes of a class that `carrier` can go to: a key in a path, below `/ollama` only."""
    if "path" not in carrier:
        return ROUTES[column]
    return tuple(each for each in ROUTES[column] if each.path.startswith("/ollama"))


@dataclass
class Walk:
    """Makes requests of the matrix, each from an address of its own."""

    ground: Ground
    line: Line
    cast: Mapping[str, Cast]
    asked: int = 0
    _addresses: Iterator[int] = field(default_factory=count)

    @cached_property
    def standing(self) -> dict[str, str]:
        """Kind -> the id of a key that no request of the matrix may end.

        It is the kind's own where that has a user who can have one.
        """
        stranger = self.ground.add().id
        gone = ("", self.cast["deleted"].user)
        return {
            kind: self.ground.new_key(
                stranger if self.cast[kind].user in gone else self.cast[kind].user
            )[0].id
            for kind in self.cast
        }

    def wrong(self, steps: Iterable[Step]) -> list[str]:
        """What is not as the table has it, a line for each; and counts what was asked."""
        found: list[str] = []
        before, expected = self.ground.requests(), 0
        for step in steps:
            route = step.route
            found += self._objections(step, route.method, route.answer)
            if route.method == "GET" and not route.headless:
                found += self._objections(step, "HEAD", route.head or route.answer)
            let_in = CELLS[step.kind][step.column] == "in"
            expected += let_in and step.column in MODEL_CLASSES
        reached = self.ground.requests() - before
        if reached != expected:
            found.append(f"{reached} requests reached the upstream, not {expected}")
        return found

    def ended(self) -> set[str]:
        """Which of the standing keys are revoked."""
        with self.ground.database.reading() as session:
            keys = list_keys(session, limit=1_000_000)
        standing = set(self.standing.values())
        assert standing <= {key.id for key in keys}
        return {key.id for key in keys if key.id in standing and key.revoked_at}

    def _objections(self, step: Step, method: str, answered: int) -> Iterator[str]:
        credential = self.cast[step.kind].carriers[step.carrier]()
        cell, route = CELLS[step.kind][step.column], step.route
        number = next(self._addresses)
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        path = route.path.format(**self._objects(step))
        if credential.path_key:
            path = f"/ollama/key/{credential.path_key}{path.removeprefix('/ollama')}"
        headers = {"X-Forwarded-For": address, **route.headers, **credential.headers}
        body = b"" if route.body is None else json.dumps(route.body).encode()
        answer, text = self.line.ask(method, path, headers, body)
        self.asked += 1
        expected = answered if cell == "in" else int(cell)
        where = f"{step.kind} by {step.carrier}: {method} {route.path}"
        if answer.status != expected:
            yield f"{where} is {answer.status}, not {expected}: {text[:200]!r}"
        elif cell == "401":
            yield from (f"{where}: {each}" for each in _unlike_401(answer, text))

    def _objects(self, step: Step) -> dict[str, str]:
        own = self.standing[step.kind]
        if "{own_key}" in step.route.path and CELLS[step.kind][step.column] == "in":
            own = self.ground.new_key(self.cast[step.kind].user)[0].id
        other = self.standing["admin" if step.kind == "user" else "user"]
        return {"own_key": own, "other_key": other, "absent_key": str(uuid.uuid4())}


def _unlike_401(answer: Any, text: bytes) -> Iterator[str]:
    """What every refusal of somebody unknown must have, and must not."""
    if answer.headers.get_all("WWW-Authenticate") != CHALLENGES:
        yield "no challenges"
    if told := [name for name in answer.headers if name.lower().startswith("x-user")]:
        yield f"tells who asked: {told}"
    if any(name.lower().startswith("x-ratelimit") for name in answer.headers):
        yield "was counted"
    if text and "error" not in json.loads(text):
        yield f"has no error: {text[:200]!r}"
