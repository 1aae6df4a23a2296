"""Sets up `.venv` beside `run` where it is not up to date, then hands over to the verb.

Standard library only and in the grammar of Python 3.6, so that an interpreter that is
too old gets as far as the line that says so. It imports nothing of llmwrap. Never sudo,
never `--break-system-packages`: everything lands in `.venv`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

MINIMUM = (3, 11)
CANDIDATES = ["python3.14", "python3.13", "python3.12", "python3.11", "python3"]
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
LAUNCHER = VENV / "bin" / "llmwrap"
STAMPS = {
    ".stamp": ["requirements.txt"],
    ".stamp-dev": ["requirements.txt", "requirements-dev.txt"],
}
LOCK_WAIT_S = 300
TAIL_LINES = 20
# An sdist would run build tools that no lock pins.
INSTALL_OPTIONS = ["--quiet", "--require-hashes", "--only-binary", ":all:"]
PIP_OPTIONS = ["--no-input", "--disable-pip-version-check"]

# pip's own form of a console script: a shebang line breaks on spaces and long paths.
LAUNCHER_TEXT = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from llmwrap.cli import main

sys.exit(main())
"""


class SetupError(Exception):
    """A step failed; the text says what, and what to do about it."""


def main(arguments: "list[str]") -> None:
    """Bring `.venv` up to date and become the command that `arguments` ask for."""
    try:
        set_up(".stamp-dev" if arguments[:1] == ["test"] else ".stamp")
    except SetupError as error:
        sys.exit(f"llmwrap: {error}")
    except OSError as error:
        sys.exit(
            f"llmwrap: cannot set up .venv: {error.filename}: {error.strerror}; "
            "run it in a complete checkout that you may write to"
        )
    except KeyboardInterrupt:
        sys.exit(130)
    hand_over(arguments)


def hand_over(arguments: "list[str]") -> None:
    """Replace this process: signals reach the server, its status the caller."""
    if arguments[:1] == ["test"]:
        os.chdir(str(ROOT))
        command = ["-m", "pytest", *pytest_options(arguments[1:])]
    else:
        command = [str(LAUNCHER), *(arguments or ["serve"])]
    os.execv(PYTHON, [PYTHON, *command])


def pytest_options(options: "list[str]") -> "list[str]":
    """Use every core; leave the tests marked `integration` out, unless `--all` asks for them."""
    spread = ["-n", "auto", "--dist", "loadfile"]
    if "--all" in options:
        return spread + [option for option in options if option != "--all"]
    return [*spread, "-m", "not integration", *options]


def set_up(stamp: str) -> None:
    """Install what `stamp` stands for, unless the same is there already."""
    version = sys.version_info[:2]  # `run` starts us with the Python of .venv, if any
    if read_stamp(stamp) == fingerprint(stamp, version):
        return
    VENV.mkdir(exist_ok=True)
    lock = take_lock(VENV, LOCK_WAIT_S)
    if read_stamp(stamp) == fingerprint(stamp, version_of(PYTHON)):
        return  # the one that we waited for has done it
    started = time.monotonic()
    covered = [name for name in STAMPS if set(STAMPS[name]) <= set(STAMPS[stamp])]
    for name in covered:
        forget(VENV / name)
    install(installer(), STAMPS[stamp], lock)
    link_project()
    for name in covered:
        text = fingerprint(name, version_of(PYTHON))
        (VENV / name).write_text(text, encoding="ascii")
    say(f"set up in {time.monotonic() - started:.0f} s")


def say(line: str) -> None:
    """Tell the person at the terminal; standard output belongs to the verb."""
    print("llmwrap: " + line, file=sys.stderr, flush=True)


def read_stamp(name: str) -> str:
    """Return what the last finished set-up left, or nothing."""
    try:
        return (VENV / name).read_text(encoding="ascii")
    except OSError:
        return ""


def forget(path: Path) -> None:
    """Remove a file that may not be there."""
    if path.exists():
        path.unlink()


def fingerprint(stamp: str, version: "tuple[int, ...]") -> str:
    """Return the SHA-256 of all that decides what is in `.venv`, this file included."""
    digest = hashlib.sha256(f"{ROOT} {version}".encode())
    for path in [Path(__file__)] + [ROOT / name for name in STAMPS[stamp]]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def take_lock(directory: Path, wait_s: float) -> int:
    """Wait for our turn; the lock ends with this process, or with its becoming another.

    The lock is on the directory itself: there is no file to leave behind.
    """
    handle = os.open(str(directory), os.O_RDONLY)
    deadline = time.monotonic() + wait_s
    announced = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise SetupError(
                    f"another ./run is still setting up after {wait_s:.0f} s; "
                    "end it and try again"
                ) from None
        else:
            return handle
        if not announced:
            say("waiting for another ./run to finish the set-up")
            announced = True
        time.sleep(0.1)


def installer() -> "list[str]":
    """Return the command that installs into `.venv`, made if need be."""
    if reusable():
        return own_pip()
    found = pythons()
    python = next((path for path, version in found if version >= MINIMUM), None)
    uv = shutil.which("uv")
    if python is None and uv is None:
        names = ", ".join(f"{path} ({major}.{minor})" for path, (major, minor) in found)
        raise SetupError(
            f"needs Python 3.11 or newer, found {names or 'none'}; install one "
            "(apt install python3-venv, brew install python) or name it in PYTHON"
        )
    say(f"making .venv with {python or uv}")
    made = make_venv(python) if python else None
    if made is None and uv is not None:
        made = make_venv_with_uv(uv, python or "3.12")
    if made is None:
        raise SetupError(
            f"{python or uv} cannot make a virtual environment; try: apt install python3-venv"
        )
    return made


def reusable() -> bool:
    """Say whether `.venv` was made for this place by a Python that still fits."""
    try:
        moved = str(VENV) not in (VENV / "bin" / "pip").read_text(encoding="utf-8")
    except OSError:
        return False
    if moved or version_of(PYTHON) < MINIMUM:
        return False
    return succeeds(PYTHON, "-I", "-m", "pip", "--version")


def make_venv(python: str) -> "list[str] | None":
    """Make `.venv`; without ensurepip (bare Debian) borrow a pip from elsewhere."""
    if succeeds(python, "-I", "-m", "venv", "--clear", str(VENV)):
        return own_pip()
    if not succeeds(python, "-I", "-m", "venv", "--clear", "--without-pip", str(VENV)):
        return None
    for pip in [python, "-m", "pip"], ["pip3"], ["pip"]:
        outside = [*pip, "--python", PYTHON]
        if succeeds(*outside, "--version"):
            return [*outside, "install", *PIP_OPTIONS]
    return None


def make_venv_with_uv(uv: str, python: str) -> "list[str] | None":
    """Make `.venv` with uv, which brings a Python where there is none."""
    if succeeds(uv, "venv", "--allow-existing", "--python", python, str(VENV)):
        return [uv, "pip", "install", "--python", PYTHON]
    return None


def own_pip() -> "list[str]":
    """Return the install command of the pip inside `.venv`."""
    return [PYTHON, "-I", "-m", "pip", "install", *PIP_OPTIONS]


def pythons() -> "list[tuple[str, tuple[int, int]]]":
    """Return path and version of those at hand: $PYTHON, then the newest first.

    An activated `.venv` is left out: it cannot be made from itself.
    """
    outside = [folder for folder in os.get_exec_path() if Path(folder) != VENV / "bin"]
    names = [os.environ.get("PYTHON", ""), *CANDIDATES]
    paths = [
        shutil.which(name, path=os.pathsep.join(outside)) for name in names if name
    ]
    return [(path, version_of(path)) for path in paths if path]


def version_of(python: str) -> "tuple[int, int]":
    """Return major and minor of an interpreter; (0, 0) where it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        output = run_quietly(python, "-I", "-S", "-c", code).stdout
        major, minor = output.split()
        return int(major), int(minor)
    except (OSError, ValueError):
        return 0, 0


def succeeds(*command: str) -> bool:
    """Run a command without a word and say whether it went well."""
    try:
        return run_quietly(*command).returncode == 0
    except OSError:
        return False


def run_quietly(
    *command: str, pass_fds: "tuple[int, ...]" = ()
) -> "subprocess.CompletedProcess":
    """Run a command without input; both its outputs are in `stdout`, as bytes."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
    )


def install(command: "list[str]", files: "list[str]", lock: int) -> None:
    """Install the pins; the child holds `lock` too, should we be killed before it."""
    say(f"installing {' and '.join(files)}")
    named = [option for name in files for option in ("-r", str(ROOT / name))]
    done = run_quietly(*command, *INSTALL_OPTIONS, *named, pass_fds=(lock,))
    if done.returncode != 0:
        tail = done.stdout.decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
        print("\n".join(tail), file=sys.stderr)
        raise SetupError(
            "installing failed, see above; without network, name a mirror in "
            "PIP_INDEX_URL or a folder of wheels in PIP_FIND_LINKS, then try again"
        )


def link_project() -> None:
    """Make `import llmwrap` and `.venv/bin/llmwrap` work from any directory.

    A path file and a script instead of `pip install -e .`: that would need a build
    backend, unpinned and by network, and a second where this takes none.
    """
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run_quietly(PYTHON, "-I", "-c", code).stdout.decode().strip())
    (packages / "llmwrap.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    LAUNCHER.write_text(LAUNCHER_TEXT.format(python=PYTHON), encoding="utf-8")
    LAUNCHER.chmod(0o755)


if __name__ == "__main__":
    main(sys.argv[1:])
