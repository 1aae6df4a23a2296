"""A made-up machine for `./run`: a checkout, and a PATH with nothing but fakes.

A fake Python stands where the network or another system would be needed: it answers the
version asked of it, makes a .venv that holds a fake again, and writes down what pip was
asked. It lends its real interpreter to the bootstrap itself.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BOOTSTRAP = ROOT / "tools" / "bootstrap.py"

# It imports no more than it must: a test starts a dozen of it.
FAKE_PYTHON = f"""#!{sys.executable} -IS
import os, sys
here, arguments = os.path.dirname(sys.argv[0]), sys.argv[1:]
broken = os.environ.get("FAKE_BROKEN", "").split()
def note():
    print(*arguments, file=open(os.environ["FAKE_LOG"], "a"))
def version():
    if os.path.exists(here + "/version"):
        return open(here + "/version").read()
    return os.environ.get("FAKE_VERSION", "3 11")
def make_venv(place):
    for folder in "/bin", "/packages":
        os.makedirs(place + folder, exist_ok=True)
    for name in os.listdir(place + "/bin"):
        os.unlink(place + "/bin/" + name)
    for name in "python", "python3", "pip":
        with open(place + "/bin/" + name, "w") as copy:
            copy.write(open(sys.argv[0]).read() + "# " + place)
        os.chmod(place + "/bin/" + name, 0o755)
if "-c" in arguments:
    print(here + "/../packages" if "purelib" in arguments[-1] else version())
elif "venv" in arguments:
    note()
    if "venv" in broken or "ensurepip" in broken and "--without-pip" not in arguments:
        sys.exit("no module named ensurepip")
    make_venv(arguments[-1])
elif "pip" in arguments and "--version" not in arguments:
    note()
    if "FAKE_GATE" in os.environ:
        open(os.environ["FAKE_GATE"]).read()
    if "pip" in broken:
        sys.exit("\\n".join(f"pip says {{n}}" for n in range(1, 31)))
elif "pytest" in arguments:
    print("handed over:", *arguments, "in", os.getcwd())
elif arguments[0].endswith("bin/llmwrap"):
    print("handed over:", *arguments)
elif "pip" not in arguments:
    os.execv({sys.executable!r}, [{sys.executable!r}, *arguments])
"""

FAKE_UV = """#!/bin/sh
echo "uv $*" >>"$FAKE_LOG"
[ "$1" = pip ] || FAKE_BROKEN= exec "$FAKE_HOME/python3" -m venv "$5"
"""


@dataclass
class Machine:
    """A checkout, a PATH that holds nothing else, and an environment."""

    home: Path
    checkout: Path
    environ: dict[str, str]
    before: list[str] = field(default_factory=list)

    def put(self, name: str, text: str) -> None:
        program = self.home / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments) as process:
            output, errors = process.communicate(timeout=30)
        return subprocess.CompletedProcess(
            arguments, process.returncode, output, errors
        )

    @contextmanager
    def start(self, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """Start `./run`; at the end it is killed with all that it started."""
        process = subprocess.Popen(
            [*self.before, self.checkout / "run", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def noted(self, word: str) -> list[str]:
        """Return what the fakes were asked, of those lines that hold `word`."""
        log = Path(self.environ["FAKE_LOG"])
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line for line in lines if word in line]


def make_machine(place: Path) -> Machine:
    """Return a machine below `place`, with one Python, and a space in a path."""
    home, checkout = place / "bin", place / "a checkout"
    for folder in home, checkout / "tools", checkout / "llmwrap":
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "run", checkout)
    shutil.copy(BOOTSTRAP, checkout / "tools")
    for name in "requirements.txt", "requirements-dev.txt":
        (checkout / name).write_text("# none\n", encoding="utf-8")
    (home / "dirname").symlink_to(str(shutil.which("dirname")))
    environ = {
        "PATH": str(home),
        "FAKE_HOME": str(home),
        "FAKE_LOG": str(place / "log"),
    }
    machine = Machine(home, checkout, environ)
    machine.put("python3", FAKE_PYTHON)
    return machine
