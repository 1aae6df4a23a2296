"""API keys: for now the one shared key of the configuration (`auth.api_key`)."""

import hmac

from llmwrap.auth.credentials import Credential, refusal
from llmwrap.auth.principal import Principal
from llmwrap.auth.users import user_id

SHARED_KEY_USER = Principal(
    # No user can have this name: HTTP Basic ends a username at the first colon.
    user_id(":api_key"),
    "api_key",
    name="api_key",
    groups=frozenset({"user"}),
)
"""Everybody who holds the shared key."""


class ApiKeys:
    """Finds whose a key is, in constant time; with `shared_key` "" none is good."""

    def __init__(self, shared_key: str) -> None:
        self._shared = shared_key.encode()

    def find(self, key: str) -> Principal | None:
        """Return whose this key is, taken as it stood in a header; None if nobody's."""
        good = hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self._shared)
        return SHARED_KEY_USER if good and self._shared else None


def authenticate_api_key(keys: ApiKeys, credential: Credential) -> Principal | None:
    """Identify who holds a key (`Bearer` or a key header); None for other schemes."""
    if credential.scheme != "bearer":
        return None
    principal = keys.find(credential.value)
    if principal is None:
        raise refusal("invalid API key")
    return principal
