"""A worker that is killed: its clients see a broken transfer, and another one serves."""

import os
import signal
import threading

import pytest
import requests

from tests.fakes import FakeUpstream
from tests.server import nginx
from tests.server.running import eventually, running
from tests.server.stage import CHAT, body_of, echo, held, settings_for
from tests.server.test_stopping import begin_stream
from tests.server.wire import answers_in, read_to_end


@pytest.mark.parametrize("way", ["direct", "nginx"])
def test_stream_of_a_killed_worker_never_ends_cleanly(
    upstream: FakeUpstream, way: str
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate), then=[echo])
    with (
        running(settings_for(upstream.url)) as server,
        nginx.before(server.gateway) as front,
    ):
        at = server.gateway if way == "direct" else front
        killed = server.worker
        with at.raw() as sock:
            begun = begin_stream(sock)
            os.kill(killed, signal.SIGKILL)
            (answer,) = answers_in(begun + read_to_end(sock))
        gate.set()
        assert not answer.whole
        assert answer.body.endswith(b"\n\n")
        assert b"[DONE]" not in answer.body
        eventually(lambda: killed not in server.workers and bool(server.workers), 5)
        assert at.post(CHAT, body_of(stream=True)).status_code == 200


@pytest.mark.parametrize("way", ["direct", "nginx"])
def test_client_library_raises_when_the_worker_is_killed(
    upstream: FakeUpstream, way: str
) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with (
        running(settings_for(upstream.url)) as server,
        nginx.before(server.gateway) as front,
    ):
        at = server.gateway if way == "direct" else front
        with at.post(CHAT, body_of(stream=True), stream=True) as answer:
            arriving = answer.iter_content(None)
            next(arriving)
            os.kill(server.worker, signal.SIGKILL)
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                b"".join(arriving)
        gate.set()
