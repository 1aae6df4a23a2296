"""Where a server listens and keeps its data: nobody else may be there, nor it where it cannot."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest

from tests.fakes import FakeUpstream
from tests.gateway import Gateway
from tests.server.running import (
    HASTY,
    Running,
    await_ready,
    eventually,
    running,
    start,
)
from tests.server.stage import settings_for

NOWHERE = "unix:/nonexistent/socket"
NO_ENTRY = (
    f"{NOWHERE} cannot be listened on: No such file or directory; set server.bind"
)


def settings_at(url: str, bind: str, message: str = "one") -> dict[str, Any]:
    return settings_for(url, bind=bind, root_message=message)


@contextmanager
def port() -> Iterator[int]:
    """A port that is nobody's: taken on 127.0.0.1, free on the other addresses of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


@contextmanager
def serving_at(home: Path, address: tuple[str, int], url: str) -> Iterator[Running]:
    """A server that listens where its settings say."""
    gateway = Gateway(address, home / "log")
    settings = settings_at(url, f"{address[0]}:{address[1]}")
    Running(home, gateway, None).configure(settings)
    process = start(home, HASTY)
    try:
        await_ready(process, gateway)
        yield Running(home, gateway, process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
    assert "Traceback" not in gateway.log(), gateway.log()


def refused_start(
    home: Path, settings: Mapping[str, Any], *arguments: str
) -> tuple[int, str]:
    """How a start ends that cannot go well, and what it says."""
    server = Running(home, Gateway(("127.0.0.1", 1), home / "log"), None)
    server.configure(settings)
    process = start(home, (*HASTY, *arguments))
    return process.wait(20), server.gateway.log()


def says(gateway: Gateway) -> str:
    return str(gateway.get("/").json()["message"])


def test_address_that_cannot_be_had_is_a_bad_setting(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    with port() as free, serving_at(tmp_path, ("127.0.0.2", free), upstream.url) as it:
        taken = f"127.0.0.1:{free}"
        for bind, line in (
            (taken, f"{taken} is in use; set server.bind"),
            (NOWHERE, NO_ENTRY),
        ):
            it.configure(settings_at(upstream.url, bind, "two"))
            done = it.command("reload")
            assert (done.returncode, done.stdout) == (78, "")
            assert done.stderr == f"{line}\n"
            it.reload()
            assert says(it.gateway) == "one"
            assert f'"event":"reload_refused","problems":"{line}"' in it.gateway.log()


def test_server_goes_to_another_address(upstream: FakeUpstream, tmp_path: Path) -> None:
    with port() as free, serving_at(tmp_path, ("127.0.0.2", free), upstream.url) as it:
        there = Gateway(("127.0.0.3", free), tmp_path / "log")
        it.configure(settings_at(upstream.url, f"127.0.0.3:{free}", "two"))
        assert it.command("reload").returncode == 0
        eventually(lambda: bool(it.workers) and answers(there))
        assert says(there) == "two"


def answers(gateway: Gateway) -> bool:
    with suppress(OSError):
        return gateway.get("/health").status_code == 200
    return False


@pytest.mark.parametrize(
    "wrong",
    [
        {"database": {"url": "sqlite:////tmp/\x00"}},
        {"limits": {"storage_url": "redis://127.0.0.1:1/0?socket_timeout=x"}},
    ],
    ids=["database", "limits"],
)
def test_no_mistake_that_is_found_late_ends_the_service(
    upstream: FakeUpstream, wrong: Mapping[str, Any]
) -> None:
    settings = settings_for(upstream.url, root_message="one")
    with running(settings) as server:
        server.configure(settings | wrong)
        server.reload()
        assert says(server.gateway) == "one"
        assert server.logged("reload_refused")


def test_address_that_cannot_be_had_stops_the_start(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    settings = settings_at(upstream.url, NOWHERE)
    assert refused_start(tmp_path, settings) == (78, f"{NO_ENTRY}\n")


def test_open_gateway_does_not_listen_to_others_by_gunicorns_arguments(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    settings = settings_for(upstream.url) | {"auth": {"mode": "auto"}}
    status, said = refused_start(tmp_path, settings, "--bind", "0.0.0.0:0")
    assert status == 78
    assert said.count("\n") == 1
    assert 'set auth.mode = "required"' in said


def test_data_folder_has_one_server(upstream: FakeUpstream, tmp_path: Path) -> None:
    with running(settings_for(upstream.url)) as server:
        other = tmp_path / "other"
        other.mkdir()
        (other / "data").symlink_to(server.home / "data")
        status, said = refused_start(other, settings_at(upstream.url, NOWHERE))
    assert status == 78
    assert said.startswith(f"a server runs here already (process {server.master}): ")


def test_file_that_was_left_behind_stops_no_start_and_is_not_believed(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    with (
        port() as free,
        subprocess.Popen([sys.executable], stdin=subprocess.PIPE) as stranger,
    ):
        pid_file = tmp_path / "data" / "llmwrap.pid"
        pid_file.parent.mkdir(mode=0o700)
        pid_file.write_text(f"{stranger.pid}\n")
        with serving_at(tmp_path, ("127.0.0.2", free), upstream.url) as server:
            assert server.command("reload").returncode == 0
            server.signal(SIGTERM)
            assert server.wait() == 0
            pid_file.write_text(f"{stranger.pid}\n")
            done = server.command("reload")
        assert done.returncode == 1
        assert done.stderr.startswith("no server is running here (none has ")
        assert "server.data_dir" in done.stderr
        assert stranger.poll() is None


def test_banner_has_the_address_in_use(upstream: FakeUpstream) -> None:
    with running(settings_at(upstream.url, "127.0.0.1:1")) as server:
        eventually(lambda: f"address   {server.gateway.url}\n" in server.gateway.log())


def test_database_that_is_none_is_told_in_a_line(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"this is not a database" * 100)
    settings = settings_for(upstream.url) | {"database": {"url": f"sqlite:///{file}"}}
    with running(settings) as server:
        lines = server.gateway.log().splitlines()
    assert lines[0] == "the database does not answer: file is not a database"
    assert "storage_unavailable" not in lines
