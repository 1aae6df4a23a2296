import os
import pty
import subprocess
import sys
import termios
from select import select
from time import monotonic

import pytest
from werkzeug.security import check_password_hash

from llmwrap.settings import CHECKOUT


@pytest.mark.parametrize(
    ("line", "password"),
    [
        (b"correct horse\n", "correct horse"),
        (b"no newline", "no newline"),
        (b"from windows\r\n", "from windows"),
        ("geheimnüß:$\n".encode(), "geheimnüß:$"),
        (b"first\nsecond\n", "first"),
        (b" spaces stay \n", " spaces stay "),
        (b"x" * 1024 + b"\n", "x" * 1024),
    ],
)
def test_one_line_of_stdin_is_hashed(run, line, password):
    result = run("user", "hash-password", stdin=line)

    assert result.exit_code == 0
    assert result.stdout.startswith("scrypt:32768:8:1$")
    assert check_password_hash(result.stdout.rstrip("\n"), password)


def test_the_hash_is_accepted_as_a_users_password_hash(run, tmp_path):
    printed = run("user", "hash-password", stdin=b"pw\n").stdout.rstrip("\n")
    (tmp_path / "config.toml").write_text(
        f"[[users]]\nusername = 'alice'\npassword_hash = '{printed}'\n"
    )

    assert run("check-config").stdout == (
        "configuration is good: 0 pools, 1 users, auth required\n"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "the password has 0 bytes; give 1 to 1024"),
        (b"\n", "the password has 0 bytes; give 1 to 1024"),
        (b"x" * 1025 + b"\n", "the password has 1025 bytes; give 1 to 1024"),
        ("ü".encode() * 513 + b"\n", "the password has 1026 bytes; give 1 to 1024"),
        (b"\xff\n", "the password is not UTF-8"),
    ],
)
def test_an_unfit_password_is_refused(run, line, words):
    result = run("user", "hash-password", stdin=line)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"Error: {words}\n"


def echoes(terminal):
    local_modes = termios.tcgetattr(terminal)[3]
    return bool(local_modes & termios.ECHO)


def read_prompt(process, terminal):
    """Wait for a prompt, and until it is listened to: what came before is dropped."""
    prompt = b""
    while not prompt.endswith((b"Password: ", b"confirmation: ")):
        assert select([process.stderr], [], [], 10)[0], prompt
        piece = os.read(process.stderr.fileno(), 1)
        assert piece, prompt
        prompt += piece
    deadline = monotonic() + 10
    while echoes(terminal):
        assert monotonic() < deadline


def answer_prompts(*answers):
    """Run the command on a terminal and type an answer after each prompt."""
    ours, theirs = pty.openpty()
    program = "from llmwrap.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "user", "hash-password"],
        cwd=CHECKOUT,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no controlling terminal, so that stdin is asked
    ) as process:
        try:
            for answer in answers:
                read_prompt(process, ours)
                os.write(ours, answer + b"\n")
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
    return process.returncode, out.decode()


def test_a_terminal_is_asked_twice_and_shows_nothing():
    status, out = answer_prompts(b"from a terminal", b"from a terminal")

    assert status == 0
    assert check_password_hash(out.rstrip("\n"), "from a terminal")
    assert "from a terminal" not in out


def test_two_different_answers_are_asked_again():
    status, out = answer_prompts(b"one", b"two", b"three", b"three")

    assert status == 0
    assert check_password_hash(out.rstrip("\n"), "three")
