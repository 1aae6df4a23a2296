"""A gateway whose processes a test may signal, kill and reconfigure.

The server is the production one with the deadlines of `hasty`; `tests.gateway` has the plain
harness, whose servers are ended in order.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from tests import nursery
from tests.gateway import MANY, ROOT, Gateway, to_toml

BOUND_S = 20.0
POLL_S = 0.02

HASTY = ("--worker-class", "tests.server.hasty.HastyWorker")
"""gunicorn's further arguments for the worker with small deadlines."""

PATIENT = ()
"""gunicorn's further arguments for the worker as it is shipped."""


class Running:
    """A running server. What a test does to its processes, it does by their ids."""

    def __init__(self, home: Path, gateway: Gateway, process: Any) -> None:
        self.home = home
        self.gateway = gateway
        self._process = process

    @property
    def master(self) -> int:
        """The process that manages the workers."""
        return int(self._process.pid)

    @property
    def workers(self) -> set[int]:
        """The children of the master."""
        listed = Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return set(map(int, listed.split()))

    @property
    def worker(self) -> int:
        """The only worker."""
        (only,) = self.workers
        return only

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        os.kill(self.master, number)

    def wait(self, timeout_s: float = BOUND_S) -> int:
        """The exit status of the master, once it has ended."""
        return int(self._process.wait(timeout_s))

    def reload(self) -> int:
        """SIGHUP; returns the new worker once it is the only one."""
        (old,) = self.workers
        self.signal(signal.SIGHUP)
        eventually(lambda: self._has_replaced(old))
        return self.worker

    def _has_replaced(self, old: int) -> bool:
        assert alive(self.master), self.gateway.log()
        return old not in self.workers and len(self.workers) == 1

    def configure(self, settings: str | Mapping[str, Any]) -> None:
        """Replace the configuration file; the server reads it at the next reload."""
        text = settings if isinstance(settings, str) else to_toml(settings)
        (self.home / "config.toml").write_text(text, encoding="utf-8")

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`llmwrap WORDS`, as the operator of this server would call it."""
        return subprocess.run(
            [sys.executable, "-c", "from llmwrap.cli import main; main()", *words],
            cwd=self.home,
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )

    def logged(self, event: str) -> bool:
        """Whether `event` is in the log by now."""
        return f'"event":"{event}"' in self.gateway.log()


def eventually(holds: Callable[[], bool], timeout_s: float = BOUND_S) -> None:
    """Return once `holds`; the bound is no expectation of how fast."""
    pause = threading.Event()
    for _ in range(round(timeout_s / POLL_S)):
        if holds():
            return
        pause.wait(POLL_S)
    raise AssertionError(f"this did not come true within {timeout_s:g} s")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def running(
    settings: str | Mapping[str, Any],
    *,
    arguments: Sequence[str] = HASTY,
    checkout: Path = ROOT,
) -> Iterator[Running]:
    """A server with `settings`, ready when this returns.

    However the test left it, its processes are ended by force; a traceback in its log that
    nobody foresaw fails the test.
    """
    with TemporaryDirectory(prefix="llmwrap-") as folder, socket.socket() as listener:
        home = Path(folder)
        listener.bind(("127.0.0.1", 0))
        gateway = Gateway(listener.getsockname(), home / "log")
        bind = "fd://{0}"
        server = Running(home, gateway, None)
        server.configure(settings)
        process = start(
            home, (*arguments, "--bind", bind), listener.fileno(), checkout=checkout
        )
        listener.close()
        try:
            await_ready(process, gateway)
            yield Running(home, gateway, process)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert "Traceback" not in gateway.log(), gateway.log()


def environment(home: Path) -> dict[str, str]:
    """The variables of a server, and of the operator's commands, in `home`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "LLMWRAP_CONFIG": str(home / "config.toml"),
        "LLMWRAP__SERVER__DATA_DIR": str(home / "data"),
        "LLMWRAP__LIMITS__DEFAULT": MANY,
    }


def start(
    home: Path, arguments: Sequence[str], *kept: int, checkout: Path = ROOT
) -> "subprocess.Popen[bytes] | nursery.Born":
    """Start gunicorn with our configuration in a process group of its own."""
    if checkout == ROOT:
        return nursery.start(arguments, environment(home), home / "log", *kept)
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    command += [each.format(*kept) for each in arguments]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, "wsgi:app"],
            cwd=checkout,
            env=environment(home),
            pass_fds=kept,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def await_ready(
    process: "subprocess.Popen[bytes] | nursery.Born", gateway: Gateway
) -> None:
    """Return once the server is ready; a server that ends meanwhile fails the test."""

    def ready() -> bool:
        assert process.poll() is None, gateway.log()
        try:
            return gateway.get("/readyz", timeout=BOUND_S).status_code == 200
        except requests.RequestException:
            return False

    eventually(ready)
