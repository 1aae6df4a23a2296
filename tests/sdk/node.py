"""Ollama's official client for Node, with the pins of `js/package-lock.json`.

It is kept between runs, in `.venv-node` or where LLMWRAP_TEST_NODE_DIR says.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmwrap.settings import CHECKOUT

JS = Path(__file__).with_name("js")
PINS = ("package.json", "package-lock.json")
CI_OPTIONS = [
    "--prefer-offline",
    "--fetch-retries=1",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
]
INSTALL_S = 300
STOP_S = 10


class NotInstallable(Exception):
    """The client does not install on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a call: the answer, or the parts of its stream, and the error that ended it."""

    parts: list[Any]
    error: dict[str, Any] | None = None

    @property
    def only(self) -> Any:
        """The one answer."""
        assert self.error is None, self.error
        (only,) = self.parts
        return only


class Node:
    """A process that makes one call after another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, config: dict[str, Any], method: str, **options: Any) -> Told:
        """Call `method` of a client with `config`; `request`, `abortAfter` as in `ask.cjs`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps({"config": config, "method": method, **options}) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, f"node ended in the call of {method}"
        return Told(**json.loads(line))


@contextmanager
def running_node() -> Iterator[Node]:
    """Node with the client, installed if need be. Raises NotInstallable."""
    environ = {"PATH": os.environ["PATH"], "NODE_PATH": str(_modules())}
    process = subprocess.Popen(
        ["node", JS / "ask.cjs"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:  # its input is closed, which ends it
        yield Node(process)
    assert process.wait(STOP_S) == 0


def _modules() -> Path:
    """Where node finds the client. Two test runs at once wait for each other."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise NotInstallable(f"there is no {program}")
    folder = Path(os.environ.get("LLMWRAP_TEST_NODE_DIR", CHECKOUT / ".venv-node"))
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(folder)
    finally:
        os.close(lock)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    stamp = folder / ".stamp"
    pins = b"".join((JS / name).read_bytes() for name in PINS)
    wanted = hashlib.sha256(pins).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    for name in PINS:
        shutil.copyfile(JS / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", *CI_OPTIONS],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_S,
    )
    if done.returncode != 0:
        raise NotInstallable(done.stdout.strip().partition("\n")[0])
    stamp.write_text(wanted)
