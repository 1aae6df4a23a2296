"""Where the servers under test are born: a process that has imported the server once and forks.

Each child is the real gunicorn with our real configuration, in a session of its own; what is
saved is the second of imports that every start would cost. This file is both ends: `start` is
called by tests, `main` runs in the process that forks.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PRELOADED = ("gunicorn.app.wsgiapp", "llmwrap.app", "llmwrap.server.worker")
MAX_ORDER_BYTES = 65_536
MAX_DESCRIPTORS = 8


class Born:
    """A server that was forked; the face of a `subprocess.Popen` as far as tests need it."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self._status = status
        self._returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended; TimeoutExpired after `timeout` seconds."""
        if self._returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("gunicorn", timeout or 0)
            self._returncode = int(os.read(self._status, 16))
            os.close(self._status)
        return self._returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    arguments: Sequence[str], environ: Mapping[str, str], log: Path, *kept: int
) -> Born:
    """Start gunicorn in the checkout; `{0}` in `arguments` is the number of the first `kept`."""
    order = json.dumps({"arguments": list(arguments), "environ": dict(environ)})
    reading, writing = os.pipe()
    channel = _channel()
    with log.open("wb") as output:
        given = [writing, output.fileno(), *kept]
        socket.send_fds(channel, [order.encode()], given)
        told = channel.recv(16)
    os.close(writing)
    return Born(int(told), reading)


@cache
def _channel() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()

    def end() -> None:
        ours.close()  # it ends by itself when nobody can ask for more
        process.wait()

    atexit.register(end)
    return ours


def main(channel: socket.socket) -> None:
    """Fork a server for every order, and tell of each how it ended.

    When nobody can order any more, what still runs belongs to tests that were killed.
    """
    for name in PRELOADED:
        import_module(name)
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    statuses: dict[int, int] = {}
    while True:
        ready = select.select([channel, woken], [], [])[0]
        if woken in ready:
            woken.recv(4096)
            _reap(statuses)
        if channel in ready:
            message, given, _, _ = socket.recv_fds(
                channel, MAX_ORDER_BYTES, MAX_DESCRIPTORS
            )
            if not message:
                for pid in statuses:
                    os.killpg(pid, signal.SIGKILL)
                return
            pid = os.fork()
            if pid == 0:
                for other in (channel.fileno(), *statuses.values()):
                    os.close(other)
                _become(json.loads(message), given)
            statuses[pid] = given[0]
            for each in given[1:]:
                os.close(each)
            channel.send(b"%d" % pid)


def _reap(statuses: dict[int, int]) -> None:
    while statuses:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        pipe = statuses.pop(pid)
        os.write(pipe, b"%d" % os.waitstatus_to_exitcode(status))
        os.close(pipe)


def _become(order: Mapping[str, list[str]], given: list[int]) -> None:
    """Be what `python -m gunicorn` would have become."""
    status, log, *kept = given
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.close(status)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for each in kept:
        os.set_inheritable(each, True)
    os.environ.clear()
    os.environ.update(order["environ"])
    arguments = [each.format(*kept) for each in order["arguments"]]
    sys.argv = ["gunicorn", "-c", "gunicorn.conf.py", *arguments, "wsgi:app"]
    code = 1
    try:
        sys.modules["gunicorn.app.wsgiapp"].run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
