"""Every way to prove who is asking, in one table, and the one who walks it.

A credential belongs to the first authenticator that does not answer None; one that is
present and bad ends in a 401, never in a fall-through. No Flask: header values in,
a Principal or an error out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.api_keys import (
    ApiKeys,
    authenticate_api_key,
    authenticate_key_in_basic,
)
from llmwrap.auth.audit import Trail
from llmwrap.auth.basic import PasswordChecker, authenticate_basic
from llmwrap.auth.credentials import Credential, Credentials, refusal
from llmwrap.auth.jwt_tokens import Sessions, SessionTokens
from llmwrap.auth.last_use import LastUse
from llmwrap.auth.oidc import OidcTokens
from llmwrap.auth.oidc_users import authenticate_oidc
from llmwrap.auth.pepper import Pepper
from llmwrap.auth.principal import ANONYMOUS, Principal
from llmwrap.auth.throttle import LoginThrottle
from llmwrap.settings.values import Settings

Authenticator = Callable[[Credential], Principal | None]
"""Returns who presents this credential, None for "not mine"; raises Unauthenticated."""


@dataclass(frozen=True, slots=True)
class CredentialSources:
    """What authenticators are made of, and what gives credentials out; one per process."""

    settings: Settings
    accounts: Accounts
    passwords: PasswordChecker
    tokens: SessionTokens
    pepper: Pepper
    api_keys: ApiKeys
    last_use: LastUse
    trail: Trail
    throttle: LoginThrottle
    oidc: OidcTokens | None = None


AUTHENTICATORS: Mapping[str, Callable[[CredentialSources], Authenticator]] = {
    "key_in_basic": lambda s: partial(authenticate_key_in_basic, s.api_keys),
    "basic": lambda s: partial(authenticate_basic, s.accounts, s.passwords),
    "oidc": lambda s: partial(authenticate_oidc, s.oidc, s.accounts),
    "session": lambda s: Sessions(s.accounts, s.tokens, s.last_use).authenticate,
    "api_key": lambda s: partial(authenticate_api_key, s.api_keys),
}
"""How to make each authenticator, in the order in which they are asked."""


class Identifier:
    """Tells who sent a request; safe to share between threads."""

    def __init__(self, sources: CredentialSources) -> None:
        self._required = sources.settings.auth_required
        self._accounts = sources.accounts
        self._authenticators = tuple(make(sources) for make in AUTHENTICATORS.values())

    def identify(self, credentials: Credentials) -> Principal:
        """Return the principal; ANONYMOUS, whatever is sent, while none is required.

        Several credentials must all be good and of one user. A blocked user is
        identified like any other. Raises Unauthenticated with challenges,
        RateLimited when too many passwords are being checked, or StorageUnavailable when
        nobody can tell.
        """
        if not self._required:
            return self._accounts.limited(ANONYMOUS)
        principals = [self._authenticate(each) for each in credentials.split()]
        if not principals:
            raise refusal(
                "no credential; send Authorization (Bearer or Basic) or x-api-key"
            )
        if any(principal.id != principals[0].id for principal in principals):
            raise refusal("the credentials of this request belong to different users")
        return _narrowest(principals)

    def _authenticate(self, credential: Credential) -> Principal:
        for authenticate in self._authenticators:
            principal = authenticate(credential)
            if principal is not None:
                return principal
        raise refusal("unknown authorization scheme; accepted: Bearer, Basic")


def _narrowest(principals: list[Principal]) -> Principal:
    """Of several credentials of one user the key, which may be limited; else the first."""
    keys = (each for each in principals if each.key_id)
    return next(keys, principals[0])
