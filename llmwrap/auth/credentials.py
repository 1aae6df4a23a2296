"""What a request presents to say who it is, and the refusal when that is not good.

Only reading: nothing is verified here. Values are the text that WSGI shows, header
bytes read as Latin-1 (PEP 3333).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmwrap.errors import Unauthenticated

BEARER_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="llmwrap"')
CHALLENGES = (
    ("WWW-Authenticate", 'Basic realm="llmwrap", charset="UTF-8"'),
    BEARER_CHALLENGE,
)
"""Sent with every 401 of a request (RFC 9110 11.6.1; `charset`: RFC 7617 2.1)."""


PATH_KEY = "llmwrap.path_key"
"""Where the WSGI environ holds a key that was sent in the path (`web.paths`)."""


def refusal(message: str, *, code: str = Unauthenticated.code) -> Unauthenticated:
    """Make the 401 that every authenticator raises, with both challenges."""
    error = Unauthenticated(message, headers=CHALLENGES)
    error.code = code
    return error


@dataclass(frozen=True, slots=True)
class Credential:
    """One claim to be somebody: a lower-case scheme and what followed it, not empty.

    A key header counts as scheme `bearer`, so a session token may be sent there too.
    `address` is where it came from.
    """

    scheme: str
    value: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one request has that may be credentials; None is absent.

    `keys` stood in key headers, or in the path.
    """

    authorization: str | None = None
    keys: tuple[str, ...] = ()
    address: str = ""

    def split(self) -> list[Credential]:
        """List the credentials, `Authorization` first; raises for an empty one."""
        presented = [Credential("bearer", value, self.address) for value in self.keys]
        if self.authorization is not None:
            scheme, _, value = self.authorization.partition(" ")
            presented.insert(0, Credential(scheme.lower(), value, self.address))
        for credential in presented:
            if not credential.value or credential.value[0] in " \t":
                raise refusal(
                    "malformed credential: nothing, or more than one space before it"
                )
        return presented


def read_credentials(environ: Mapping[str, Any]) -> Credentials:
    """Read `Authorization`, `x-api-key`, `api-key` and a path's key from a WSGI environ.

    A header sent twice arrives there as one value joined by a comma, which no
    authenticator accepts.
    """
    places = ("HTTP_X_API_KEY", "HTTP_API_KEY", PATH_KEY)
    keys = (environ.get(place) for place in places)
    return Credentials(
        authorization=environ.get("HTTP_AUTHORIZATION"),
        keys=tuple(key for key in keys if key is not None),
        address=environ.get("REMOTE_ADDR", ""),
    )
