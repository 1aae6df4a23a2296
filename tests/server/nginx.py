"""The real nginx before a gateway, with the very configuration that we ship."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.gateway import ROOT, Gateway
from tests.server.running import eventually

SHIPPED = ROOT / "deploy" / "nginx" / "llmwrap.conf"

MAIN = """
user {user};
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/llmwrap.conf;
}}
"""


def program() -> str:
    """Where nginx is; the test is skipped where it is missing, but never in CI."""
    found = shutil.which(
        "nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    )
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is not installed, and CI has to test with it")
        pytest.skip("nginx is not installed")
    return found


@contextmanager
def before(
    gateway: Gateway, changes: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """nginx before `gateway`; `changes` replace directives of the shipped file."""
    nginx = program()
    with TemporaryDirectory(prefix="nginx-") as folder, socket.socket() as listener:
        home = Path(folder)
        listener.bind(("127.0.0.1", 0))
        listener.listen(511)
        host, port = listener.getsockname()
        shipped = {
            "listen 80;": f"listen {host}:{port};",
            "/var/log/nginx/llmwrap.log": str(home / "log"),
            "server 127.0.0.1:8000": f"server {gateway.url.removeprefix('http://')}",
        }
        text = replaced(SHIPPED.read_text("utf-8"), shipped | dict(changes or {}))
        (home / "llmwrap.conf").write_text(text, encoding="utf-8")
        user = pwd.getpwuid(os.geteuid()).pw_name
        (home / "nginx.conf").write_text(MAIN.format(home=home, user=user))
        process = subprocess.Popen(
            [nginx, "-c", str(home / "nginx.conf"), "-e", str(home / "log")],
            # It takes over a listening socket as from its own predecessor.
            env={"NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
        )
        listener.close()
        front = Gateway((host, port), home / "log")
        try:
            eventually(lambda: (home / "pid").exists() or process.poll() is not None)
            assert process.poll() is None, (home / "log").read_text()
            yield front
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """`text` with each key of `changes`, which stands there once, as its value."""
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
