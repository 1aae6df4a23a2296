import json

import pytest
from werkzeug.security import check_password_hash

from tests.cli.terminal import typed

HASH = ("user", "hash-password")


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


def test_the_hash_is_one_json_value_if_asked_for(run):
    result = run("user", "hash-password", "--json", stdin=b"pw\n")

    printed = json.loads(result.stdout)
    assert printed.keys() == {"password_hash"}
    assert check_password_hash(printed["password_hash"], "pw")


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


def test_a_terminal_is_asked_twice_and_shows_nothing():
    status, out = typed(HASH, (b"from a terminal",) * 2, {})

    assert status == 0
    assert check_password_hash(out.rstrip("\n"), "from a terminal")
    assert "from a terminal" not in out


def test_two_different_answers_are_asked_again():
    status, out = typed(HASH, (b"one", b"two", b"three", b"three"), {})

    assert status == 0
    assert check_password_hash(out.rstrip("\n"), "three")
