"""Rows 29 and 30: clients that leave, in every phase, on every operation and prefix."""

import time
from collections.abc import Callable, Iterator
from secrets import token_hex
from threading import Event

import pytest

from tests.fakes import (
    FakeUpstream,
    Recorded,
    Step,
    chunked,
    expect_hangup,
    head,
    send,
    sse_head,
)
from tests.faults.wire import PART, endless_stream, read_to, request_bytes
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.surface import CHAT, CODE, EMBED, POST_ROUTES, body_for, reset

CLOSED_S = 2
"""Within this time after the client has left its upstream must see the end."""

STREAMED = [route for route in POST_ROUTES if not route.endswith("/embeddings")]

relay_only = pytest.mark.parametrize("server", ["relay"], indirect=True)
"""The generator driver notices a hang-up only when it writes."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """Three pools of one slot each, and no heartbeat that would tell of a hang-up."""
    kinds = {CHAT: "chat", CODE: "code", EMBED: "embed"}
    pools = [
        pool_of(model, upstream.url, max_in_flight=1) | {"kind": kind}
        for model, kind in kinds.items()
    ]
    settings = {"timeouts": {"heartbeat_s": 60}, "pools": pools}
    with serving(settings, server=server) as made:
        yield made


def upstream_path(route: str) -> str:
    """Where a request for `route` arrives."""
    operation = route[route.index("/chat/completions") :] if "/chat/c" in route else ""
    return "/v1" + (operation or route[route.rindex("/") :])


def silent(start: bytes) -> Callable[[Event], list[Step]]:
    """`start`, then nothing until the gateway hangs up."""
    return lambda gone: [send(start), expect_hangup(gone)]


class Visit:
    """One client that leaves, and what must follow."""

    def __init__(self, gateway: Gateway, upstream: FakeUpstream, route: str) -> None:
        self.gateway, self.upstream, self.route = gateway, upstream, route
        self.gone = Event()
        self.id = f"visit-{token_hex(8)}"

    def meet(self, script: Callable[[Event], list[Step]]) -> None:
        """The upstream follows `script` once, then answers well."""
        reset(self.upstream)
        path = upstream_path(self.route)
        well = self._well(path)
        self.upstream.on("POST", path, script(self.gone), then=[well])

    def leave(self, after: bytes, **fields: object) -> float:
        """Ask, leave once `after` has come; the seconds until the upstream saw the end."""
        before = len(self.upstream.journal)
        body = body_for(self.route, **fields)
        with self.gateway.raw() as sock:
            sock.sendall(request_bytes(self.route, body, x_request_id=self.id))
            self.upstream.wait_for_requests(before + 1)
            read_to(sock, after)
            left = time.monotonic()
        assert self.gone.wait(CLOSED_S)
        return time.monotonic() - left

    def check(self) -> None:
        """The slot is back, and the log says why the answer ended."""
        again = self.gateway.post(self.route, body_for(self.route))
        assert again.status_code == 200
        line = self.gateway.logged(self.id)
        assert line["outcome"] == "client_abort"
        assert line["attempts"] == 1

    def _well(self, path: str) -> Callable[[Recorded], list[Step]]:
        script = self.upstream._routes["POST", path][0]  # what reset() has put there
        assert callable(script)
        return script
