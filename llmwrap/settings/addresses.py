"""What an address may be: to listen on, of a database or a store, the origin of a web page.

Nothing is asked over the network; an address that passes can be taken apart by who uses it.
"""

import re
from urllib.parse import urlsplit

from llmwrap.settings.accepted import Secret, Text, Value, are_texts

_BIND = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][\w.-]*):([1-9][0-9]{0,4})")
_UNIX_STORAGE = re.compile(r"redis\+unix://(?:[^/@]*@)?/.+")
_CLUSTER = re.compile(r"redis\+cluster://(?:[^/@]*@)?[^/@]+")
_ORIGIN = re.compile(r"\*|[^:/?#@\s]+://[^/#@\\\s]+")
_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(?!:memory:|file:|\?).+")
_POSTGRESQL = re.compile(
    r"postgres(?:ql)?(?:\+psycopg)?://"
    r"(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?]+)?(?::(?P<port>\d+))?(?:[/?].*)?"
)
"""As SQLAlchemy 2.1 takes an address apart; a password may have any character but "@"."""

_MAX_PORT = 65_535


def bind() -> Text:
    """An address to listen on."""
    return Text("host:port (port 1-65535) or unix:/path", _is_bind)


def _is_bind(text: str) -> bool:
    if text.startswith("unix:"):
        return text.startswith("unix:/") and len(text) > len("unix:/")
    match = _BIND.fullmatch(text)
    return match is not None and _is_port(match[1])


def _is_port(digits: str) -> bool:
    return digits.isdecimal() and 0 < int(digits) <= _MAX_PORT


def storage_url() -> Text:
    """Where request rates are counted."""
    return Text('"memory://" or "redis://HOST:PORT/NUMBER"', _is_storage)


def _is_storage(text: str) -> bool:
    """As `limits` 5 and redis-py 7 take an address apart."""
    if text == "memory://" or _UNIX_STORAGE.fullmatch(text):
        return True
    if _CLUSTER.fullmatch(text):
        hosts = re.split("[/@]", text)[-1].split(",")
        return all(
            host and _is_port(port)
            for host, _, port in (h.partition(":") for h in hosts)
        )
    try:
        parts = urlsplit(text)
        known_port = parts.port != 0
    except ValueError:
        return False
    return (
        parts.scheme in ("redis", "rediss")
        and bool(parts.hostname)
        and known_port
        and re.fullmatch(r"(?:/\d*)?", parts.path) is not None
    )


def database_url() -> Secret:
    """A database address; the older scheme `postgres` becomes `postgresql`."""
    return Secret(
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
        lambda text: not text or _is_database(text),
        convert=lambda text: re.sub("^postgres://", "postgresql://", text),
    )


def _is_database(text: str) -> bool:
    if _SQLITE.fullmatch(text):
        return True
    match = _POSTGRESQL.fullmatch(text)
    return match is not None and (match["port"] is None or _is_port(match["port"]))


def origins() -> Value:
    """Patterns of web origins, which have neither a path nor a slash at the end."""
    return Value(
        'a list of "*" or patterns such as "https://chat.example", without a path',
        lambda value: are_texts(value) and all(map(_ORIGIN.fullmatch, value)),
        convert=tuple,
    )
