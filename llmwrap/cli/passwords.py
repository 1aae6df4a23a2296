"""Passwords come from a prompt, or from one line of stdin: never from the command line."""

import sys

import click
from werkzeug.security import generate_password_hash

from llmwrap.auth.basic import DEFAULT_METHOD, MAX_PASSWORD_BYTES


def read_password(*, least_chars: int = 1) -> str:
    """Ask twice on a terminal, else read a line; ends the command if it is not accepted."""
    password = _ask() if sys.stdin.isatty() else _read_line()
    try:
        length = len(password.encode())
    except UnicodeEncodeError as failure:
        raise click.ClickException("the password is not UTF-8") from failure
    if not 0 < length <= MAX_PASSWORD_BYTES:
        raise click.ClickException(
            f"the password has {length} bytes; give 1 to {MAX_PASSWORD_BYTES}"
        )
    if len(password) < least_chars:
        raise click.ClickException(
            f"the password has {len(password)} characters; give {least_chars} or more"
        )
    return password


def hashed(password: str) -> str:
    """What is stored of a password."""
    return generate_password_hash(password, DEFAULT_METHOD)


def _ask() -> str:
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)


def _read_line() -> str:
    line = sys.stdin.buffer.readline()
    try:
        return line.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError as failure:
        raise click.ClickException("the password is not UTF-8") from failure
