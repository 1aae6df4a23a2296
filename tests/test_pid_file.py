"""The file that names the managing process: only who holds it is a server."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmwrap.pid_file import (
    FILE_NAME,
    AlreadyRunning,
    PidFile,
    Running,
    read_pid_file,
)
from tests.gateway import ROOT

HOLD = """
import sys
from pathlib import Path
from llmwrap.pid_file import PidFile
held = PidFile.claim(Path(sys.argv[1]))
held.write("127.0.0.1:8000")
print("held", flush=True)
sys.stdin.read()
held.release()
"""


@contextmanager
def holder(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process, which has the file until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process


def test_holder_is_found_until_it_ends(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert read_pid_file(tmp_path) == Running(process.pid, "127.0.0.1:8000")
        with pytest.raises(AlreadyRunning, match=f"process {process.pid}"):
            PidFile.claim(tmp_path)
    assert read_pid_file(tmp_path) is None
    assert (tmp_path / FILE_NAME).read_text() == ""


def test_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        assert read_pid_file(tmp_path) is None
        PidFile.claim(tmp_path).release()


@pytest.mark.parametrize("text", ["1\n", "garbage", "", "\x00"])
def test_what_a_file_says_that_nobody_holds_is_not_believed(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert read_pid_file(tmp_path) is None
    PidFile.claim(tmp_path).release()


def test_folder_without_a_file_has_no_server(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path) is None
