"""Signing in: a name and a password become a session token."""

from dataclasses import dataclass

from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.credentials import BEARER_CHALLENGE
from llmwrap.auth.users import UserRecord
from llmwrap.errors import AccountBlocked, Unauthenticated


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and a new session token; `expires_at` in Unix seconds."""

    user: UserRecord
    token: str
    expires_at: int


def sign_in(
    sources: CredentialSources, email_or_username: str, password: str
) -> SignedIn:
    """Exchange a password for a token, or raise.

    Unauthenticated is the same, after the same work, for an unknown name and a wrong
    password; AccountBlocked is for those who know the password; RateLimited comes from
    PasswordChecker.
    """
    user = sources.users.by_sign_in_name(email_or_username)
    if not sources.passwords.verify(user, password) or user is None:
        # No Basic challenge: browsers answer it with a password dialog of their own.
        raise Unauthenticated("wrong email or password", headers=(BEARER_CHALLENGE,))
    if "blocked" in user.groups:
        raise AccountBlocked("this account is blocked")
    token, expires_at = sources.tokens.issue(user)
    return SignedIn(user, token, expires_at)
