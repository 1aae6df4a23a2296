"""Clients of Ollama's service that leave: the upstream is let go in every phase (case C43).

The generator driver notices a hang-up only when it writes, so the silent phases are those of
the relay worker alone.
"""

from collections.abc import Iterator
from secrets import token_hex
from threading import Event

import pytest

from tests.fakes import (
    FakeUpstream,
    Step,
    chat_chunk,
    chunked,
    expect_hangup,
    head,
    json_answer,
    send,
    sse,
    sse_head,
)
from tests.fakes.native import (
    END,
    begun,
    chat_line,
    drip,
    generate_line,
    raw,
    vectors,
)
from tests.faults.wire import read_to, request_bytes
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.surface import Body, answer_chat, answer_embeddings

CLOSED_S = 2
"""Within this time after the client has left its upstream must see the end."""

CHAT, EMBED, NATIVE, NATIVE_EMBED = "mistral", "minilm", "llama3.2", "nomic"

ASKED = {
    "/ollama/api/chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "/ollama/api/generate": {"prompt": "Hi"},
    "/ollama/api/embed": {"input": "Hi"},
    "/ollama/api/embeddings": {"prompt": "Hi"},
}

STREAMED = [
    (route, model)
    for route in ("/ollama/api/chat", "/ollama/api/generate")
    for model in (CHAT, NATIVE)
]
EMBEDDED = [
    (route, model)
    for route in ("/ollama/api/embed", "/ollama/api/embeddings")
    for model in (EMBED, NATIVE_EMBED)
]

on_relay = pytest.mark.parametrize("server", ["relay"], indirect=True)


@pytest.fixture(scope="module")
def vllm() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def native() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, vllm: FakeUpstream, native: FakeUpstream) -> Iterator[Gateway]:
    """Pools of one slot each."""
    pools = [_pool(CHAT, vllm.url), _pool(EMBED, vllm.url) | {"kind": "embed"}]
    pools += [_native_pool(NATIVE, native), _native_pool(NATIVE_EMBED, native)]
    pools[-1]["kind"] = "embed"
    with serving({"pools": pools}, server=server) as made:
        yield made


def _pool(model: str, url: str) -> Body:
    return pool_of(model, url, max_in_flight=1)


def _native_pool(model: str, native: FakeUpstream) -> Body:
    return pool_of(model, native.url, max_in_flight=1, url=native.url, dialect="ollama")


class Visit:
    """A client that asks `model` at `route`, and leaves."""

    def __init__(
        self, gateway: Gateway, upstream: FakeUpstream, route: str, model: str
    ) -> None:
        self._gateway, self._upstream, self._route = gateway, upstream, route
        self._body = {"model": model, **ASKED[route]}
        self._id = f"visit-{token_hex(8)}"
        if model in (NATIVE, NATIVE_EMBED):
            self._path, self._head = route.removeprefix("/ollama"), begun([])
            self._good = NATIVE_ANSWERS[self._path]
            line = generate_line if route.endswith("/generate") else chat_line
            self._part = chunked(raw(line("a")))
        else:
            plain = model == EMBED
            self._path = "/v1/embeddings" if plain else "/v1/chat/completions"
            self._good = answer_embeddings if plain else answer_chat
            self._head = [send(sse_head())]
            self._part = chunked(sse(chat_chunk({"content": "a"})))
        self.gone = Event()

    def silent(self) -> list[Step]:
        """Not even a head."""
        return [expect_hangup(self.gone)]

    def silent_after_head(self) -> list[Step]:
        return [*self._head, expect_hangup(self.gone)]

    def silent_after_part(self) -> list[Step]:
        return [*self._head, send(self._part), expect_hangup(self.gone)]

    def silent_in_plain_answer(self) -> list[Step]:
        start = head(
            200, ("Content-Type", "application/json"), ("Content-Length", "99")
        )
        return [send(start + b'{"a'), expect_hangup(self.gone)]

    def talking(self) -> list[Step]:
        return [*self._head, drip(self._part, self.gone)]

    def leave(self, steps: list[Step], awaited: bytes, **fields: object) -> None:
        """Ask, leave when `awaited` has come; the upstream sees it, the slot is free again."""
        self._upstream.on("POST", self._path, steps, then=[self._good])
        before = len(self._upstream.journal)
        with self._gateway.raw() as sock:
            body = {**self._body, **fields}
            sock.sendall(request_bytes(self._route, body, x_request_id=self._id))
            self._upstream.wait_for_requests(before + 1)
            read_to(sock, awaited)
        assert self.gone.wait(CLOSED_S)
        again = self._gateway.post(self._route, {**self._body, "stream": False})
        assert again.status_code == 200, again.text
        line = self._gateway.logged(self._id)
        assert (line["outcome"], line["attempts"]) == ("client_abort", 1)


NATIVE_ANSWERS = {
    "/api/chat": json_answer(200, chat_line("Hello", **END)),
    "/api/generate": json_answer(200, generate_line("Hello", **END)),
    "/api/embed": vectors([[1.0]], 1),
    "/api/embeddings": json_answer(200, {"embedding": [1.0]}),
}


@pytest.fixture
def visit(
    gateway: Gateway,
    vllm: FakeUpstream,
    native: FakeUpstream,
    route_and_model: tuple[str, str],
) -> Visit:
    route, model = route_and_model
    upstream = native if model in (NATIVE, NATIVE_EMBED) else vllm
    return Visit(gateway, upstream, route, model)


streamed = pytest.mark.parametrize("route_and_model", STREAMED, ids=" ".join)
plain = pytest.mark.parametrize("route_and_model", [*STREAMED, *EMBEDDED], ids=" ".join)


@streamed
def test_client_that_leaves_a_running_stream(visit: Visit) -> None:
    visit.leave(visit.talking(), b'"a"')


@on_relay
@streamed
@pytest.mark.parametrize("begun", [False, True])
def test_client_that_leaves_before_the_first_line(visit: Visit, begun: bool) -> None:
    visit.leave(visit.silent_after_head() if begun else visit.silent(), b"")


@on_relay
@streamed
def test_client_that_leaves_a_silent_stream(visit: Visit) -> None:
    visit.leave(visit.silent_after_part(), b'"a"')


@on_relay
@plain
@pytest.mark.parametrize("begun", [False, True])
def test_client_that_leaves_a_plain_call(visit: Visit, begun: bool) -> None:
    steps = visit.silent_in_plain_answer() if begun else visit.silent()
    visit.leave(steps, b"", stream=False)
