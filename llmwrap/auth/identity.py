"""What an answer says of who asked for it, in headers; never read from a request."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from llmwrap.auth.principal import Principal, PrincipalKind

_METHODS: Mapping[PrincipalKind, str] = {
    "basic": "basic",
    "jwt": "jwt",
    "guest": "jwt",
    "api_key": "apikey",
}
"""The words of reference document 001 (Jan Server, 2025-11), and one for passwords."""

_ASCII = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


def identity_headers(principal: Principal) -> Iterator[tuple[str, str]]:
    """The headers for who is identified; what is not printable ASCII is percent-encoded."""
    if principal.kind not in _METHODS:
        return
    values = {
        "X-Auth-Method": method_of(principal),
        "X-User-ID": principal.id,
        "X-User-Subject": principal.subject or principal.id,
        "X-User-Username": principal.name,
        "X-User-Email": principal.email,
        "X-Principal-Id": principal.id,
    }
    yield from ((name, _ascii(value)) for name, value in values.items() if value)
    if scopes := " ".join(_scopes(principal)):
        yield "X-Scopes", scopes


def method_of(principal: Principal) -> str:
    """How the principal proved who it is: `jwt`, `apikey`, `basic`, or `none`."""
    return _METHODS.get(principal.kind, "none")


def _scopes(principal: Principal) -> Iterator[str]:
    """What the credential opens, where that is less than everything."""
    yield from (f"service:{name}" for name in sorted(principal.services or ()))
    yield from (
        f"model:{_ascii(pattern).replace(' ', '%20')}"
        for patterns in principal.models
        for pattern in patterns
    )


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable() and "%" not in text:
        return text  # nearly always, and quoting takes a while
    return quote(text, _ASCII, errors="replace")
