"""SIGHUP while an old worker still has answers to finish: the server is managed all the same."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes import FakeUpstream, models, wait, whatwg_payloads
from tests.server.running import Running, eventually, running
from tests.server.stage import MODEL, held, settings_for
from tests.server.test_reload import says, settings_saying
from tests.server.test_stopping import begin_stream, refuses
from tests.server.wire import answers_in, read_to_end


@contextmanager
def stream_over_a_reload(
    server: Running, upstream: FakeUpstream
) -> Iterator[threading.Event]:
    """A stream at the old worker, of a server that says `two` now; its rest waits for the event.

    It ends well, or the test fails.
    """
    gate = threading.Event()
    upstream.chat(held(gate))
    with server.gateway.raw() as sock:
        begun = begin_stream(sock)
        server.configure(settings_saying(upstream.url, "two"))
        server.signal(signal.SIGHUP)
        eventually(lambda: says(server) == "two")
        try:
            yield gate
        finally:
            gate.set()
        (answer,) = answers_in(begun + read_to_end(sock))
    assert whatwg_payloads(answer.body)[-1] == b"[DONE]"


def test_new_worker_that_crashes_is_replaced(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        old = server.worker
        with stream_over_a_reload(server, upstream):
            eventually(lambda: len(server.workers) == 2)
            (crashed,) = server.workers - {old}
            os.kill(crashed, signal.SIGKILL)
            eventually(lambda: crashed not in server.workers)
            eventually(lambda: says(server) == "two")
            assert old in server.workers
        eventually(lambda: old not in server.workers)
        assert says(server) == "two"


def test_order_to_stop_is_heard(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        with stream_over_a_reload(server, upstream):
            server.signal(signal.SIGTERM)
            eventually(lambda: refuses(server))
        assert server.wait() == 0


def test_second_reload_does_not_wait_for_the_first(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        old = server.worker
        with stream_over_a_reload(server, upstream):
            server.configure(settings_saying(upstream.url, "three"))
            server.signal(signal.SIGHUP)
            eventually(lambda: says(server) == "three")
            assert old in server.workers
        eventually(lambda: len(server.workers) == 1)
        assert says(server) == "three"


def test_new_worker_asks_its_upstreams_before_it_takes_a_request(
    upstream: FakeUpstream,
) -> None:
    """Until then the old one serves."""
    gate = threading.Event()
    with running(settings_for(upstream.url)) as server:
        old, before = server.worker, len(upstream.journal)
        upstream.on("GET", "/v1/models", [wait(gate), *models(MODEL)])
        server.signal(signal.SIGHUP)
        upstream.wait_for_requests(before + 1)
        assert listed(server) == [MODEL]
        gate.set()
        eventually(lambda: old not in server.workers and bool(listed(server)))
        upstream.on("GET", "/v1/models", models(MODEL))


def listed(server: Running) -> list[str]:
    """The models that it lists; it always knows some."""
    answer = server.gateway.get("/v1/models")
    assert answer.status_code == 200
    return [entry["id"] for entry in answer.json()["data"]]


def test_many_reloads_at_once_leave_one_worker(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        with stream_over_a_reload(server, upstream):
            for _ in range(5):
                server.signal(signal.SIGHUP)
                assert server.gateway.get("/health").status_code == 200
        eventually(lambda: len(server.workers) == 1)
        assert says(server) == "two"
