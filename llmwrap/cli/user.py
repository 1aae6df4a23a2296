"""`llmwrap user`: what an operator does about users."""

import sys

import click
from werkzeug.security import generate_password_hash

MAX_PASSWORD_BYTES = 1024
"""Longer ones only make the slow hash slower."""


@click.group()
def user() -> None:
    """Users and their passwords."""


@user.command()
def hash_password() -> None:
    """Ask for a password, or read one line of stdin, and print its hash.

    The hash goes into `password_hash` of a user in the configuration.
    """
    password = _ask() if sys.stdin.isatty() else _read_line()
    length = len(password.encode())
    if not 0 < length <= MAX_PASSWORD_BYTES:
        raise click.ClickException(
            f"the password has {length} bytes; give 1 to {MAX_PASSWORD_BYTES}"
        )
    click.echo(generate_password_hash(password, method="scrypt"))


def _ask() -> str:
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)


def _read_line() -> str:
    line = sys.stdin.buffer.readline()
    try:
        return line.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError as failure:
        raise click.ClickException("the password is not UTF-8") from failure
