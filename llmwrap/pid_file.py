"""The file in the data folder that names the managing process, for `llmwrap reload`.

It is locked as long as that process lives and by nobody else, so what a process left behind that
was killed, or what anybody wrote there, is never mistaken for a server.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FILE_NAME = "llmwrap.pid"


class AlreadyRunning(Exception):
    """Another server has the data folder."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server as others see it; `bind` is where a reload would have it listen, or ""."""

    pid: int
    bind: str


class PidFile:
    """The file as its holder has it; the lock is the process's own, workers do not inherit it."""

    def __init__(self, folder: Path, file: int) -> None:
        self.folder = folder
        self._file = file

    @classmethod
    def claim(cls, folder: Path) -> Self:
        """Take the file over. Raises AlreadyRunning, or OSError where there cannot be one.

        Within one process claim a folder once: closing the file a second time ends the lock.
        """
        path = folder / FILE_NAME
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            os.close(file)
            named = read_pid_file(folder)
            who = f" (process {named.pid})" if named else ""
            raise AlreadyRunning(
                f"a server runs here already{who}: it holds {path}; stop it first, or set "
                "server.data_dir"
            ) from error
        return cls(folder, file)

    def write(self, bind: str) -> None:
        """Name this process, and where a reload would have it listen ("" = as it does)."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n{bind}\n".encode(), 0)

    def release(self) -> None:
        """Leave an empty file: one that is removed could be locked by who has it open."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def read_pid_file(folder: Path) -> Running | None:
    """The server that has `folder` for its data; None when none is running."""
    try:
        with (folder / FILE_NAME).open(encoding="utf-8") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                pid, _, bind = file.read().partition("\n")
                return Running(int(pid), bind.strip())
    except FileNotFoundError:
        return None
    except ValueError:  # locked, and not written yet
        return None
    return None
