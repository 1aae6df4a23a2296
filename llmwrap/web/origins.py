"""Where a request comes from and whom it asks for, as a browser says it: `Origin` and `Host`.

Only reading: what follows from it is in `cors`.
"""

import re
from fnmatch import fnmatchcase
from ipaddress import ip_address

from llmwrap.settings.values import ServiceSettings

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*://([^/?#@\\\s]*?))(:\d+)?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]/?#@\\\s:]+)(:\d*)?", re.IGNORECASE)


def allows(service: ServiceSettings, origin: str) -> bool:
    """Whether `origin` fits a pattern, with its port or without."""
    parts = _ORIGIN.fullmatch(origin)
    if parts is None:
        return False
    return any(
        fnmatchcase(text, pattern)
        for pattern in service.allowed_origins
        for text in (origin, parts[1])
    )


def host_of_origin(origin: str) -> str:
    """The host of an origin in lower case, "" where it has none."""
    parts = _ORIGIN.fullmatch(origin)
    return _plain(parts[2]) if parts else ""


def host_of(header: str) -> str:
    """The host of a `Host` header in lower case and without its port, "" for what is none."""
    parts = _HOST.fullmatch(header)
    return _plain(parts[1]) if parts else ""


def is_this_machine(host: str) -> bool:
    """Whether a name or an address leads nowhere else, whatever a name server says.

    RFC 6761 6.3 keeps `localhost` and all below it; 0.0.0.0 and :: are what clients make of
    the address that a server listens on.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")
