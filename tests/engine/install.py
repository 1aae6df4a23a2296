"""A virtual environment for the engine alone, with the pins of `requirements-engine.txt`.

It is kept between runs, in `.venv-engine` or where LLMWRAP_TEST_ENGINE_VENV says.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from llmwrap.settings import CHECKOUT

LOCK_FILE = CHECKOUT / "requirements-engine.txt"
PIP_OPTIONS = ["--quiet", "--no-input", "--disable-pip-version-check"]
INSTALL_S = 900


class NotInstallable(Exception):
    """The engine does not install on this machine; the text is what was said last."""


def engine_python() -> Path:
    """The Python that has the engine, installed if need be; may take minutes the first time.

    Raises NotInstallable. Two test runs at once wait for each other.
    """
    venv = Path(os.environ.get("LLMWRAP_TEST_ENGINE_VENV", CHECKOUT / ".venv-engine"))
    venv.mkdir(parents=True, exist_ok=True)
    lock = os.open(venv, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed(venv)
    finally:
        os.close(lock)


def _installed(venv: Path) -> Path:
    python, stamp = venv / "bin" / "python", venv / ".stamp"
    wanted = hashlib.sha256(LOCK_FILE.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _run(sys.executable, "-m", "venv", "--clear", str(venv))
    pins = ["--require-hashes", "--only-binary", ":all:", "-r", str(LOCK_FILE)]
    _run(str(python), "-I", "-m", "pip", "install", *PIP_OPTIONS, *pins)
    stamp.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_S,
    )
    if done.returncode != 0:
        raise NotInstallable(done.stdout.strip().rpartition("\n")[2])
