"""The waiting room: who finds every slot taken waits a little, and principals take turns."""

import time
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from tests.fakes import FakeUpstream, Step, chat_answer, wait
from tests.faults.wire import BOUND_S, read_to, request_bytes
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.guarded import KEY, basic, guarded_settings
from tests.web.surface import Body, answer_chat, payloads, refusal

NEW = "/api/v1/chat/completions"
QUEUE_S = 0.3

on_relay = pytest.mark.parametrize("server", ["relay"], indirect=True)


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """One slot, and a short wait for it."""
    settings = {
        "server": {"threads": 24},
        "timeouts": {"queue_s": QUEUE_S},
        "pools": [pool_of("narrow", upstream.url, max_in_flight=1)],
    }
    with serving(settings, server=server) as made:
        yield made


def body_of(text: str, **fields: object) -> Body:
    return {
        "model": "narrow",
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


class Slot:
    """The only slot, taken by a first request until `free` is set."""

    def __init__(self, upstream: FakeUpstream) -> None:
        self.free = Event()
        self.taken = Event()
        self.before = len(upstream.journal)
        self._upstream = upstream
        held: list[Step] = [
            lambda _: self.taken.set(),
            wait(self.free),
            *chat_answer("Hello"),
        ]
        upstream.chat(held, then=[answer_chat])

    @property
    def served(self) -> list[str]:
        """The texts of the requests that came through, in order."""
        return [
            request.json()["messages"][0]["content"]
            for request in self._upstream.journal[self.before :]
        ]


@pytest.mark.parametrize("wanted", [False, True])
def test_request_that_finds_no_slot_waits_for_one(
    gateway: Gateway, upstream: FakeUpstream, wanted: bool
) -> None:
    slot = Slot(upstream)
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(gateway.post, NEW, body_of("first"))
        assert slot.taken.wait(BOUND_S)
        second = clients.submit(gateway.post, NEW, body_of("second", stream=wanted))
        assert not futures.wait([second], QUEUE_S / 3).done
        assert slot.served == ["first"]
        slot.free.set()
        assert first.result().status_code == 200
        assert second.result().status_code == 200
    assert slot.served == ["first", "second"]
    queued = second.result().headers["server-timing"].partition(",")[0]
    assert float(queued.removeprefix("queue;dur=")) > 0


@pytest.mark.parametrize("wanted", [False, True])
def test_request_that_waits_too_long_is_503_after_the_time_of_the_queue(
    gateway: Gateway, upstream: FakeUpstream, wanted: bool
) -> None:
    slot = Slot(upstream)
    with ThreadPoolExecutor(1) as clients:
        first = clients.submit(gateway.post, NEW, body_of("first"))
        assert slot.taken.wait(BOUND_S)
        began = time.monotonic()
        answer = gateway.post(NEW, body_of("second", stream=wanted))
        waited_s = time.monotonic() - began
        slot.free.set()
        assert first.result().status_code == 200
    assert refusal(answer, 503)["code"] == "overloaded"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["x-llmwrap-attempts"] == "0"
    assert QUEUE_S <= waited_s < QUEUE_S + 2
    assert slot.served == ["first"]


@pytest.fixture(scope="module")
def patient(server: str, upstream: FakeUpstream) -> Iterator[Gateway]:
    """One slot, several users, a long queue; a stream that waits hears so."""
    settings = guarded_settings() | {
        "timeouts": {"queue_s": BOUND_S, "heartbeat_s": 0.05},
        "pools": [pool_of("narrow", upstream.url, max_in_flight=1)],
    }
    with serving(settings, server=server) as made:
        yield made


@on_relay
def test_principals_take_turns_in_the_queue(
    patient: Gateway, upstream: FakeUpstream
) -> None:
    """The heartbeat of a stream says that it waits; the generator driver sends none."""
    slot = Slot(upstream)
    queue = [*(("noisy", number) for number in range(4)), ("quiet", 0), ("other", 0)]
    headers = {
        "noisy": {"x_api_key": KEY},
        "quiet": {"Authorization": basic("alice")["Authorization"]},
        "other": {"Authorization": basic("root")["Authorization"]},
    }
    with ThreadPoolExecutor(1) as clients, ExitStack() as stack:
        key = {"x-api-key": KEY}
        first = clients.submit(patient.post, NEW, body_of("first"), headers=key)
        assert slot.taken.wait(BOUND_S)
        socks = []
        for who, number in queue:
            sock = stack.enter_context(patient.raw())
            body = body_of(f"{who} {number}", stream=True)
            sock.sendall(request_bytes(NEW, body, **headers[who]))
            read_to(sock, b": keep-alive\n\n")
            socks.append(sock)
        slot.free.set()
        assert first.result().status_code == 200
        for sock in socks:
            read_to(sock, b"data: [DONE]")
    served = ["noisy 0", "quiet 0", "other 0", "noisy 1", "noisy 2", "noisy 3"]
    assert slot.served == ["first", *served]


def test_stream_that_waited_too_long_after_a_heartbeat_ends_with_an_error_event(
    upstream: FakeUpstream,
) -> None:
    """The status had been sent, so it has to be an event (on the relay worker only)."""
    settings = {
        "timeouts": {"queue_s": QUEUE_S, "heartbeat_s": QUEUE_S / 3},
        "pools": [pool_of("narrow", upstream.url, max_in_flight=1)],
    }
    slot = Slot(upstream)
    with serving(settings) as gateway, ThreadPoolExecutor(1) as clients:
        first = clients.submit(gateway.post, NEW, body_of("first"))
        assert slot.taken.wait(BOUND_S)
        answer = gateway.post(NEW, body_of("second", stream=True))
        slot.free.set()
        assert first.result().status_code == 200
    assert answer.status_code == 200
    (event,) = payloads(answer.content)
    assert event["error"]["code"] == "overloaded"
