"""A command on a terminal, with somebody who answers its prompts."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping
from select import select
from time import monotonic

from llmwrap.settings import CHECKOUT

PASSWORD_PROMPTS = (b"Password: ", b"confirmation: ")
PROMPTS = (*PASSWORD_PROMPTS, b"[y/N]: ")
WAIT_S = 10


def typed(
    args: tuple[str, ...], answers: tuple[bytes, ...], environ: Mapping[str, str]
) -> tuple[int, str]:
    """Run `llmwrap ARGS` and type an answer after each prompt: exit status and stdout."""
    ours, theirs = pty.openpty()
    program = "from llmwrap.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, *args],
        cwd=CHECKOUT,
        env=dict(environ),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no controlling terminal, so that stdin is asked
    ) as process:
        try:
            for answer in answers:
                _await_prompt(process, ours)
                os.write(ours, answer + b"\n")
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
    return process.returncode, out.decode()


def _await_prompt(process, terminal) -> None:
    """Wait for a prompt, and until it is listened to: what came before is dropped."""
    prompt = b""
    while not prompt.endswith(PROMPTS):
        assert select([process.stderr], [], [], WAIT_S)[0], prompt
        piece = os.read(process.stderr.fileno(), 1)
        assert piece, prompt
        prompt += piece
    deadline = monotonic() + WAIT_S
    while prompt.endswith(PASSWORD_PROMPTS) and _echoes(terminal):
        assert monotonic() < deadline


def _echoes(terminal) -> bool:
    local_modes = termios.tcgetattr(terminal)[3]
    return bool(local_modes & termios.ECHO)
