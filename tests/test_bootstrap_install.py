"""`./run` with a real Python and its own pip, offline: one wheel, made here, is the lock."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent

CLI = """import os, signal, sys
import wheelmade
def main():
    print(wheelmade.SAYS, os.getpid(), *sys.argv[1:], flush=True)
    if sys.argv[1] == "serve":
        signal.pause()
"""


def make_wheel(folder: Path) -> str:
    """Write a wheel of one module and return its SHA-256."""
    wheel = folder / "wheelmade-1.0-py3-none-any.whl"
    info = "wheelmade-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("wheelmade.py", 'SAYS = "hello"\n')
        archive.writestr(f"{info}/METADATA", "Name: wheelmade\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def start(checkout: Path, *arguments: str) -> "subprocess.Popen[str]":
    wheels = str(checkout.parent)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels,
    }
    return subprocess.Popen(
        [checkout / "run", *arguments],
        cwd=wheels,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout whose first `./run` has been: with a space in its path."""
    place = tmp_path_factory.mktemp("home") / "a checkout"
    (place / "tools").mkdir(parents=True)
    (place / "llmwrap" / "cli").mkdir(parents=True)
    shutil.copy(ROOT / "run", place)
    shutil.copy(ROOT / "tools" / "bootstrap.py", place / "tools")
    (place / "llmwrap" / "__init__.py").touch()
    (place / "llmwrap" / "cli" / "__init__.py").write_text(CLI, encoding="utf-8")
    lock = f"wheelmade==1.0 --hash=sha256:{make_wheel(place.parent)}\n"
    (place / "requirements.txt").write_text(lock, encoding="utf-8")
    with start(place, "version") as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert output == f"hello {process.pid} version\n"
    return place


@pytest.fixture
def serving(checkout: Path) -> Iterator["subprocess.Popen[str]"]:
    with start(checkout) as process:
        yield process
        process.kill()


def test_the_server_is_the_process_that_was_started(
    serving: "subprocess.Popen[str]",
) -> None:
    assert serving.stdout is not None
    assert serving.stdout.readline() == f"hello {serving.pid} serve\n"
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(timeout=10) == -signal.SIGTERM


def test_the_console_script_works_from_any_directory(
    checkout: Path, tmp_path: Path
) -> None:
    script = checkout / ".venv" / "bin" / "llmwrap"
    output = subprocess.check_output([script, "models"], cwd=tmp_path, text=True)
    assert output.split()[0::2] == ["hello", "models"]


def test_a_package_with_another_hash_is_refused(checkout: Path) -> None:
    lock = checkout / "requirements.txt"
    good = lock.read_text(encoding="utf-8")
    lock.write_text(f"wheelmade==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    shutil.rmtree(next((checkout / ".venv").glob("lib/*/site-packages/wheelmade-*")))
    with start(checkout, "version") as process:
        output, errors = process.communicate(timeout=60)
    lock.write_text(good, encoding="utf-8")
    assert process.returncode == 1
    assert output == ""
    assert "DO NOT MATCH THE HASHES" in errors
    assert errors.splitlines()[-1].startswith("llmwrap: installing failed")
