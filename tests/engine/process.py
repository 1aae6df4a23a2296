"""The engine as a running process: mlx-lm's server with the model of `make_model.py`."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAKE_MODEL = Path(__file__).with_name("make_model.py")
START_S = 60
STOP_S = 10
SAY_S = 10
LISTENING = "Starting httpd"


class EngineLog:
    """The lines that the engine has said; its own thread reads them to the end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def length(self) -> int:
        """How many lines there are so far."""
        with self._changed:
            return len(self._lines)

    def wait_for(self, *texts: str, after: int = 0, timeout_s: float = SAY_S) -> None:
        """Hold until a line has one of `texts`; AssertionError with the log if none does.

        The first `after` lines do not count.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._has(texts, after) or self._process.poll() is not None,
                timeout_s,
            )
            assert self._has(texts, after), "".join(self._lines)

    def end(self) -> None:
        """Wait for the reader, once the process has ended."""
        self._thread.join(STOP_S)

    def _has(self, texts: tuple[str, ...], after: int) -> bool:
        return any(text in line for line in self._lines[after:] for text in texts)

    def _read(self) -> None:
        with self._process.stdout as lines:
            for line in lines:
                self._note(line)
        self._note("")

    def _note(self, line: str) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()


@dataclass(frozen=True)
class Engine:
    """Where it listens (with `/v1`), its only model (a path), its cache folder, its log."""

    url: str
    model: str
    cache: Path
    log: EngineLog


@contextmanager
def running(python: Path, folder: Path) -> Iterator[Engine]:
    """Make the model below `folder` and serve it until the end of the block."""
    model, cache = folder / "model", folder / "cache"
    model.mkdir()
    cache.mkdir()
    subprocess.run([python, MAKE_MODEL, model], check=True, timeout=START_S)
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))  # nobody else is given this port meanwhile
        port = held.getsockname()[1]
        process = _start(python, folder, port)
        log = EngineLog(process)
        try:
            log.wait_for(LISTENING, timeout_s=START_S)
            yield Engine(f"http://127.0.0.1:{port}/v1", str(model), cache, log)
        finally:
            process.terminate()
            process.wait(STOP_S)
            log.end()


def _start(python: Path, folder: Path, port: int) -> "subprocess.Popen[str]":
    options = ["--model", str(folder / "model"), "--port", str(port)]
    return subprocess.Popen(
        [python, "-m", "mlx_lm", "server", "--host", "127.0.0.1", *options],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_CACHE": str(folder / "cache"),
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
