"""Rows 29 and 30: clients that leave, in every phase, on every operation and prefix.

The generator driver notices a hang-up only when it writes, so the silent phases are those of
the relay worker alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from secrets import token_hex
from threading import Event

import pytest

from tests.fakes import (
    FakeUpstream,
    Script,
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
from tests.web.surface import (
    CHAT,
    CODE,
    EMBED,
    POST_ROUTES,
    answer_chat,
    answer_completion,
    answer_embeddings,
    body_for,
)

CLOSED_S = 2
"""Within this time after the client has left its upstream must see the end."""

ANSWERS: Mapping[str, Script] = {
    "/v1/chat/completions": answer_chat,
    "/v1/completions": answer_completion,
    "/v1/embeddings": answer_embeddings,
}
"""What an upstream is asked, and how it answers well."""

STREAMED = [route for route in POST_ROUTES if not route.endswith("/embeddings")]

on_relay = pytest.mark.parametrize("server", ["relay"], indirect=True)


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """Three pools of one slot each, and no heartbeat that could tell of a hang-up."""
    kinds = {CHAT: "chat", CODE: "code", EMBED: "embed"}
    pools = [
        pool_of(model, upstream.url, max_in_flight=1) | {"kind": kind}
        for model, kind in kinds.items()
    ]
    settings = {"timeouts": {"heartbeat_s": 60}, "pools": pools}
    with serving(settings, server=server) as made:
        yield made


def silent_after(start: bytes) -> Callable[[Event], list[Step]]:
    """`start`, then nothing until the gateway hangs up."""
    return lambda gone: [send(start), expect_hangup(gone)]


HALF_AN_ANSWER = head(200, ("Content-Length", "1000")) + b'{"id'
BEFORE_THE_HEAD = silent_after(b"")
BEFORE_THE_FIRST_BYTE = silent_after(sse_head())
IN_THE_MIDDLE = silent_after(sse_head() + chunked(PART))
IN_A_PLAIN_ANSWER = silent_after(HALF_AN_ANSWER)


class Visit:
    """A client that leaves; its upstream follows a script once, and answers well after it."""

    def __init__(
        self,
        gateway: Gateway,
        upstream: FakeUpstream,
        route: str,
        script: Callable[[Event], list[Step]],
    ) -> None:
        self._gateway, self._upstream, self._route = gateway, upstream, route
        self._gone = Event()
        self._id = f"visit-{token_hex(8)}"
        path = next(
            path for path in ANSWERS if route.endswith(path.removeprefix("/v1"))
        )
        upstream.on("POST", path, script(self._gone), then=[ANSWERS[path]])

    def leave_after(self, awaited: bytes, **fields: object) -> float:
        """Ask, and leave when `awaited` has come; seconds until the upstream saw the end."""
        before = len(self._upstream.journal)
        body = body_for(self._route, **fields)
        with self._gateway.raw() as sock:
            sock.sendall(request_bytes(self._route, body, x_request_id=self._id))
            self._upstream.wait_for_requests(before + 1)
            read_to(sock, awaited)
            left = time.monotonic()
        assert self._gone.wait(CLOSED_S)
        return time.monotonic() - left

    def check_what_follows(self) -> None:
        """The only slot is free again, and the log says why the answer ended."""
        again = self._gateway.post(self._route, body_for(self._route))
        assert again.status_code == 200
        line = self._gateway.logged(self._id)
        assert line["outcome"] == "client_abort"
        assert line["attempts"] == 1


@on_relay
@pytest.mark.parametrize(
    "script", [BEFORE_THE_HEAD, BEFORE_THE_FIRST_BYTE], ids=["no_head", "head"]
)
@pytest.mark.parametrize("route", STREAMED)
def test_client_that_leaves_before_the_first_byte_of_a_stream(
    gateway: Gateway,
    upstream: FakeUpstream,
    route: str,
    script: Callable[[Event], list[Step]],
) -> None:
    visit = Visit(gateway, upstream, route, script)
    visit.leave_after(b"", stream=True)
    visit.check_what_follows()


@on_relay
@pytest.mark.parametrize("route", STREAMED)
def test_client_that_leaves_a_silent_stream(
    gateway: Gateway, upstream: FakeUpstream, route: str
) -> None:
    visit = Visit(gateway, upstream, route, IN_THE_MIDDLE)
    visit.leave_after(b"data: ", stream=True)
    visit.check_what_follows()


@pytest.mark.parametrize("route", STREAMED)
def test_client_that_leaves_a_running_stream(
    gateway: Gateway, upstream: FakeUpstream, route: str
) -> None:
    visit = Visit(gateway, upstream, route, endless_stream)
    visit.leave_after(b"data: ", stream=True)
    visit.check_what_follows()


@on_relay
@pytest.mark.parametrize(
    "script", [BEFORE_THE_HEAD, IN_A_PLAIN_ANSWER], ids=["no_head", "half_a_body"]
)
@pytest.mark.parametrize("route", POST_ROUTES)
def test_client_that_leaves_a_plain_call(
    gateway: Gateway,
    upstream: FakeUpstream,
    route: str,
    script: Callable[[Event], list[Step]],
) -> None:
    visit = Visit(gateway, upstream, route, script)
    visit.leave_after(b"")
    visit.check_what_follows()
