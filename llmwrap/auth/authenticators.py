"""Every way to prove who is asking, in one table, and the one who walks it.

A credential belongs to the first authenticator that does not answer None; one that is
present and bad ends in a 401, never in a fall-through. No Flask: header values in,
a Principal or an error out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from llmwrap.auth.api_keys import ApiKeys, authenticate_api_key
from llmwrap.auth.basic import PasswordChecker, authenticate_basic
from llmwrap.auth.credentials import Credential, Credentials, refusal
from llmwrap.auth.jwt_tokens import SessionTokens, authenticate_session
from llmwrap.auth.principal import ANONYMOUS, Principal
from llmwrap.auth.users import PredefinedUsers
from llmwrap.settings.values import Settings

Authenticator = Callable[[Credential], Principal | None]
"""Returns who presents this credential, None for "not mine"; raises Unauthenticated."""


@dataclass(frozen=True, slots=True)
class CredentialSources:
    """What authenticators are made of; one per process."""

    settings: Settings
    users: PredefinedUsers
    passwords: PasswordChecker
    tokens: SessionTokens


AUTHENTICATORS: Mapping[str, Callable[[CredentialSources], Authenticator]] = {
    "basic": lambda s: partial(authenticate_basic, s.users, s.passwords),
    "session": lambda s: partial(authenticate_session, s.users, s.tokens),
    "api_key": lambda s: partial(
        authenticate_api_key, ApiKeys(s.settings.auth.api_key)
    ),
}
"""How to make each authenticator, in the order in which they are asked."""


class Identifier:
    """Tells who sent a request; safe to share between threads."""

    def __init__(self, sources: CredentialSources) -> None:
        self._required = sources.settings.auth_required
        self._authenticators = tuple(make(sources) for make in AUTHENTICATORS.values())

    def identify(self, credentials: Credentials) -> Principal:
        """Return the principal; ANONYMOUS, whatever is sent, while none is required.

        Several credentials must all be good and of one user. A blocked user is
        identified like any other. Raises Unauthenticated with challenges, or
        RateLimited when too many passwords are being checked.
        """
        if not self._required:
            return ANONYMOUS
        principals = [self._authenticate(each) for each in credentials.split()]
        if not principals:
            raise refusal(
                "no credential; send Authorization (Bearer or Basic) or x-api-key"
            )
        if any(principal.id != principals[0].id for principal in principals):
            raise refusal("the credentials of this request belong to different users")
        return principals[0]

    def _authenticate(self, credential: Credential) -> Principal:
        for authenticate in self._authenticators:
            principal = authenticate(credential)
            if principal is not None:
                return principal
        raise refusal("unknown authorization scheme; accepted: Bearer, Basic")
