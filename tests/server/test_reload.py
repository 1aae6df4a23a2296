"""SIGHUP: new settings for new requests, and nobody notices; bad ones change nothing."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeUpstream, chat_answer, whatwg_payloads
from tests.gateway import ROOT, Gateway
from tests.server import nginx
from tests.server.load import load_on, unhurried
from tests.server.running import Running, eventually, running
from tests.server.stage import CHAT, MODEL, body_of, held, posted, settings_for
from tests.server.test_stopping import begin_stream
from tests.server.wire import answers_in, read_to_end

BROKEN = "[server]\nthread = 4\n"
"""There is no such key."""


def says(server: Running) -> str:
    """What the running settings have as their root message."""
    return str(server.gateway.get("/").json()["message"])


def settings_saying(url: str, message: str) -> dict[str, Any]:
    return settings_for(url, root_message=message)


def reload_under_load(server: Running, at: Gateway, times: int) -> None:
    with load_on(at, short=2, streams=1) as load:
        for _ in range(times):
            server.reload()
    assert load.failures == []
    assert set(load.short) == {200}
    assert set(load.terminal) == {b"[DONE]"}
    assert len(load.short) > times
    assert len(load.terminal) > times // 2  # a stream may outlast a reload


def test_reloads_under_load_are_not_noticed(upstream: FakeUpstream) -> None:
    upstream.chat(unhurried)
    with running(settings_for(upstream.url)) as server:
        reload_under_load(server, server.gateway, times=5)


@pytest.mark.integration
@pytest.mark.alone
@pytest.mark.parametrize("way", ["direct", "nginx"])
def test_hundred_reloads_under_load_are_not_noticed(way: str) -> None:
    with (
        FakeUpstream(models=(MODEL,)) as upstream,
        running(settings_for(upstream.url)) as server,
        nginx.before(server.gateway) as front,
    ):
        upstream.chat(unhurried)
        at = server.gateway if way == "direct" else front
        reload_under_load(server, at, times=100)


def test_settings_are_taken_over(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        assert says(server) == "one"
        server.configure(settings_saying(upstream.url, "two"))
        server.reload()
        assert says(server) == "two"


def test_stream_goes_on_at_the_old_worker(upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.chat(held(gate))
    with running(settings_saying(upstream.url, "one")) as server:
        old = server.worker
        with server.gateway.raw() as sock:
            begun = begin_stream(sock)
            server.configure(settings_saying(upstream.url, "two"))
            server.signal(signal.SIGHUP)
            eventually(lambda: says(server) == "two")
            assert old in server.workers
            gate.set()
            (answer,) = answers_in(begun + read_to_end(sock))
        assert whatwg_payloads(answer.body)[-1] == b"[DONE]"
        eventually(lambda: old not in server.workers)


def test_bad_settings_change_nothing(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        server.configure(BROKEN)
        server.reload()
        assert says(server) == "one"
        assert server.logged("reload_refused")
        assert "server.thread" in server.gateway.log()
        server.configure(settings_saying(upstream.url, "two"))
        server.reload()
        assert says(server) == "two"


@pytest.mark.parametrize(
    "text",
    ["not TOML", "", "\x00", '[[pools]]\nname = "p"\n', 'auth.mode = "never"\n'],
    ids=["syntax", "empty", "binary", "unfinished pool", "unknown value"],
)
def test_no_file_ends_the_service(upstream: FakeUpstream, text: str) -> None:
    """An empty one is good: it means the defaults."""
    with running(settings_saying(upstream.url, "one")) as server:
        server.configure(text)
        server.reload()
        assert server.gateway.get("/health").status_code == 200
        assert server.logged("reload_refused") == bool(text)


def test_worker_that_crashes_beside_a_bad_file_comes_back(
    upstream: FakeUpstream,
) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        crashed = server.worker
        server.configure(BROKEN)
        subprocess.run(["kill", "-9", str(crashed)], check=True)
        eventually(lambda: crashed not in server.workers and bool(server.workers))
        assert says(server) == "one"


def test_broken_checkout_does_not_end_the_service(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    """A half-done upgrade: new workers run the code that the master has in memory."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "llmwrap", checkout / "llmwrap")
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, checkout)
    with running(settings_saying(upstream.url, "one"), checkout=checkout) as server:
        for path in (checkout / "llmwrap").rglob("*.py"):
            path.write_text("raise ImportError('half an upgrade')\n")
        assert not starts(checkout)
        server.configure(settings_saying(upstream.url, "two"))
        server.reload()
        assert says(server) == "two"


def starts(checkout: Path) -> bool:
    """Whether the code in it could be imported by a new process."""
    command = [sys.executable, "-c", "import llmwrap"]
    return subprocess.run(command, cwd=checkout, capture_output=True).returncode == 0


def test_command_reloads_good_settings(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        server.configure(settings_saying(upstream.url, "two"))
        done = server.command("reload")
        assert done.returncode == 0, done.stderr
        assert done.stdout == (
            f"configuration is good; process {server.master} reloads\n"
        )
        eventually(lambda: says(server) == "two")


def test_command_refuses_bad_settings(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        worker = server.worker
        server.configure(BROKEN)
        done = server.command("reload")
        assert done.returncode == 78
        assert "server.thread" in done.stderr
        assert says(server) == "one"
        assert server.worker == worker


def test_command_says_when_no_server_runs(upstream: FakeUpstream) -> None:
    with running(settings_saying(upstream.url, "one")) as server:
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        done = server.command("reload")
        assert done.returncode == 1
        assert done.stderr.startswith("no server is running here")


def test_drained_upstream_gets_nothing_new(upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.chat(held(gate), then=[chat_answer("Hello")])
    settings = settings_for(upstream.url) | {"timeouts": {"queue_s": 0.05}}
    with running(settings) as server:
        with server.gateway.raw() as sock:
            begun = begin_stream(sock)
            done = server.command("drain", "fake-1")
            assert done.stdout == "fake-1 takes no new requests\n"
            eventually(lambda: server.logged("upstream_drained"))
            refused = server.gateway.post(CHAT, body_of())
            gate.set()
            sock.sendall(posted(body_of(), b"Connection: close"))
            stream, behind = answers_in(begun + read_to_end(sock))
        assert refused.status_code == behind.status == 503
        assert whatwg_payloads(stream.body)[-1] == b"[DONE]"
        done = server.command("undrain", "fake-1")
        assert done.stdout == "fake-1 takes requests again\n"
        eventually(lambda: server.logged("upstream_back"))
        assert server.gateway.post(CHAT, body_of()).status_code == 200


def test_drained_upstream_stays_drained_over_a_reload(upstream: FakeUpstream) -> None:
    upstream.chat(chat_answer("Hello"))
    settings = settings_for(upstream.url) | {"timeouts": {"queue_s": 0.05}}
    with running(settings) as server:
        assert server.command("drain", "fake-1").returncode == 0
        eventually(lambda: server.logged("upstream_drained"))
        server.reload()
        eventually(lambda: server.gateway.log().count('"upstream_drained"') == 2)
        assert server.gateway.post(CHAT, body_of()).status_code == 503


def test_unknown_upstream_is_not_drained(upstream: FakeUpstream) -> None:
    with running(settings_for(upstream.url)) as server:
        for verb in ("drain", "undrain"):
            done = server.command(verb, "fake-2")
            assert done.returncode == 1
            assert "configured: fake-1" in done.stderr
