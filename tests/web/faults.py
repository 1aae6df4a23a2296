"""Upstreams that fail: a gateway with many small pools over two scripted servers.

Every test takes a pool of its own, so that what a gateway remembers of a failing upstream (its
ejection, its budget of retries) never reaches from one test into another.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.fakes import FakeUpstream, never_accepting_url, refusing_url
from tests.gateway import Gateway, serving
from tests.web.surface import Body, Watched, reset

POOLS = 320
"""More than any one file of tests takes: each file has a ground of its own."""

COPIES = 4


@dataclass(frozen=True, slots=True)
class Ground:
    """The gateway, its two servers, and the models that no test has used yet."""

    gateway: Gateway
    first: FakeUpstream
    second: FakeUpstream
    numbers: Iterator[int]

    def pair(self) -> "Pair":
        """A pool of both servers, the first one asked first."""
        return self._pair("pair")

    def alone(self) -> "Pair":
        """A pool of the first server alone."""
        return self._pair("alone")

    def _pair(self, kind: str) -> "Pair":
        for fake in (self.first, self.second):
            reset(fake)
        return Pair(
            self.gateway,
            f"{kind}-{next(self.numbers)}",
            Watched.now(self.first),
            Watched.now(self.second),
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """One test's pool: its model, and what its servers are asked."""

    gateway: Gateway
    model: str
    first: Watched
    second: Watched

    def body(self, **fields: object) -> Body:
        """A chat request for the pool."""
        messages = [{"role": "user", "content": "Hi"}]
        return {"model": self.model, "messages": messages, **fields}

    @property
    def asked(self) -> tuple[int, int]:
        """How many requests each of the two got."""
        return len(self.first.requests), len(self.second.requests)


@contextmanager
def ground(
    server: str,
    timeouts: Body,
    extra: Sequence[Body] = (),
) -> Iterator[Ground]:
    """A gateway with `timeouts`, POOLS pairs, as many single upstreams, and `extra` pools."""
    with FakeUpstream() as first, FakeUpstream() as second:
        pools = [
            pool for number in range(POOLS) for pool in _pools(number, first, second)
        ]
        settings = {
            "server": {"threads": 32},
            "timeouts": timeouts,
            "pools": [*pools, *extra],
        }
        with serving(settings, server=server) as gateway:
            yield Ground(gateway, first, second, iter(range(POOLS)))


def _pools(number: int, first: FakeUpstream, second: FakeUpstream) -> list[Body]:
    return [
        pool_of(f"pair-{number}", first.url, second.url),
        pool_of(f"alone-{number}", first.url),
    ]


def pool_of(model: str, *urls: str, **upstream: object) -> Body:
    """A pool that serves `model` from upstreams which are asked in this order."""
    return {
        "name": model,
        "kind": "chat",
        "models": [model],
        "policy": "first",
        "upstreams": [
            {
                "name": f"{model}-{place}",
                "url": f"{url}/v1",
                "models": [model],
                "api_key": "sk-of-the-upstream",
                **upstream,
            }
            for place, url in enumerate(urls)
        ],
    }


@contextmanager
def failing_ground(server: str) -> Iterator[Ground]:
    """Beside the pairs: pools over addresses where nobody listens, or nobody accepts."""
    with refusing_url() as refusing, never_accepting_url() as hanging:
        places = {
            "refusing": [refusing],
            "refusing-twice": [refusing] * 2,
            "refusing-four-times": [refusing] * 4,
            "hanging": [hanging],
            "no-such-host": ["http://no-such-host.invalid"],
        }
        pools = [
            pool_of(f"{model}-{number}", *urls)
            for model, urls in places.items()
            for number in range(COPIES)
        ]
        with ground(server, {"connect_s": 0.2}, pools) as made:
            yield made
