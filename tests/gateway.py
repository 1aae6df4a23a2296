"""A gateway under test: the real server in a process of its own, and a client for it.

The listening socket is made here and inherited, so no other process can take the port, and a
connection waits in its backlog until the server accepts.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from tests import nursery

ROOT = Path(__file__).resolve().parent.parent

SERVERS: Mapping[str, tuple[str, ...]] = {
    "relay": (),
    "gthread": ("--worker-class", "gthread"),
}
"""The servers that every test of the HTTP surface runs on: gunicorn's further arguments.

`relay` is the configured one (production), `gthread` runs the generator driver.
"""

START_S = 20.0
END_S = 20.0
ANSWER_S = 10.0
POLL_S = 0.02

NOBODY = "http://127.0.0.1:1"
"""A proxy where nobody listens."""

MANY = "1000000/minute"
"""A rate that no test reaches, where the settings of a test do not speak of rates."""

Settings = str | Mapping[str, Any]


class Gateway:
    """A running gateway as its clients and its operator see it; safe to share by threads.

    `master` is the process that manages the workers, where it was started here.
    """

    def __init__(self, address: tuple[str, int], log: Path) -> None:
        self.url = f"http://{address[0]}:{address[1]}"
        self._address = address
        self._log = log
        self.master = 0

    def get(self, path: str, **options: Any) -> requests.Response:
        """`GET path`; options as in `requests`."""
        return self.request("GET", path, **options)

    def post(self, path: str, body: object, **options: Any) -> requests.Response:
        """`POST path` with `body`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.request("POST", path, data=data, headers=headers, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request on a connection of its own, as it is: no redirects, no proxies.

        With `stream=True` the caller closes the answer.
        """
        with requests.Session() as session:
            session.trust_env = False
            options.setdefault("timeout", ANSWER_S)
            return session.request(
                method, self.url + path, allow_redirects=False, **options
            )

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        """A connection for bytes that no HTTP client would send."""
        with socket.create_connection(self._address, ANSWER_S) as sock:
            yield sock

    def log(self) -> str:
        """What the server has written so far, one event a line."""
        return self._log.read_text(encoding="utf-8")

    def logged(self, request_id: str) -> dict[str, Any]:
        """The access line of a request; it is written after the answer's last byte."""
        pause = threading.Event()
        for _ in range(round(ANSWER_S / POLL_S)):
            for line in self.log().splitlines():
                if f'"request_id":"{request_id}"' in line:
                    return dict(json.loads(line))
            pause.wait(POLL_S)
        raise AssertionError(f"no access line for {request_id}:\n{self.log()}")


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer as it came over a raw connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_answer(sock: socket.socket, method: str = "POST") -> RawAnswer:
    """The next answer on `sock`, whole; further ones stay unread only if none was sent yet."""
    with http.client.HTTPResponse(sock, method=method) as answer:
        answer.begin()
        return RawAnswer(answer.status, answer.headers, answer.read())


@contextmanager
def serving(
    settings: Settings,
    *,
    server: str = "relay",
    environ: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """A gateway with `settings` (a TOML text or its value), ready when this returns.

    It is ended by SIGTERM; an end that is not in order, and an exception in its log that nobody
    foresaw, fail the test.
    """
    text = settings if isinstance(settings, str) else to_toml(settings)
    with TemporaryDirectory(prefix="llmwrap-") as folder:
        home = Path(folder)
        (home / "config.toml").write_text(text, encoding="utf-8")
        with _listener() as listener:
            address = listener.getsockname()
            variables = _environment(home, address, text) | dict(environ or {})
            process = _start(home, listener, SERVERS[server], variables)
        gateway = Gateway(address, home / "log")
        gateway.master = process.pid
        try:
            _await_ready(process, gateway)
            yield gateway
        finally:
            status = _end(process)
        assert status == 0, gateway.log()
        assert "Traceback" not in gateway.log(), gateway.log()


def to_toml(value: Any) -> str:
    """A table as TOML text; tables below the top are written inline."""
    return "".join(f"{json.dumps(key)} = {_inline(value[key])}\n" for key in value)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_inline(value[key])}" for key in value)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.set_inheritable(True)
    return listener


def _environment(home: Path, address: tuple[str, int], text: str) -> dict[str, str]:
    """The server's variables; a proxy and a netrc that it must not heed are among them."""
    netrc = home / ".netrc"
    netrc.write_text("default login canary password canary\n", encoding="utf-8")
    netrc.chmod(0o600)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "HTTP_PROXY": NOBODY,
        "http_proxy": NOBODY,
        "ALL_PROXY": NOBODY,
        "PYTHONPATH": str(ROOT),
        "LLMWRAP_CONFIG": str(home / "config.toml"),
        "LLMWRAP__SERVER__BIND": f"{address[0]}:{address[1]}",
        "LLMWRAP__SERVER__DATA_DIR": str(home / "data"),
    }
    if "limits" not in tomllib.loads(text):
        variables["LLMWRAP__LIMITS__DEFAULT"] = MANY
    return variables


def _start(
    home: Path,
    listener: socket.socket,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
) -> nursery.Born:
    bind = ("--bind", "fd://{0}")
    return nursery.start((*arguments, *bind), environ, home / "log", listener.fileno())


def _await_ready(process: nursery.Born, gateway: Gateway) -> None:
    """Return once every upstream has been asked for its models, dead or alive."""
    for _ in range(round(START_S / POLL_S)):
        try:
            if gateway.get("/readyz", timeout=START_S).status_code == 200:
                return
        except requests.RequestException:
            pass  # the socket is there before the server
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the gateway did not start:\n{gateway.log()}")
    raise AssertionError(f"the gateway is not ready:\n{gateway.log()}")


def _end(process: nursery.Born) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
