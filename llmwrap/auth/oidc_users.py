"""Users of the company's identity provider: whom one of its tokens stands for here.

They are known by issuer and subject and by nothing else: an address or a name that a token
claims never leads to an account that was there before.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.credentials import Credential, refusal
from llmwrap.auth.oidc import OidcClaims, OidcTokens
from llmwrap.auth.principal import Principal
from llmwrap.auth.users import UserRecord
from llmwrap.storage.names import looks_like_id
from llmwrap.storage.users import NameTaken, add_user

GROUPS = ("user",)
MAX_NAME = 128


def authenticate_oidc(
    oidc: OidcTokens | None, accounts: Accounts, credential: Credential
) -> Principal | None:
    """Identify a user by a token of the identity provider, making the account at first sight.

    None for what is no token of its.
    """
    if oidc is None or credential.scheme != "bearer":
        return None
    if not oidc.issued(credential.value):
        return None
    claims = oidc.verify(credential.value)
    token_id = _token_id(claims)
    user = _user_of(claims, accounts)
    if user is None or accounts.standing.token_revoked(token_id):
        raise refusal("invalid token of the identity provider")
    ends = claims.expires_at
    return accounts.limited(user.principal("jwt", token_id=token_id, expires_at=ends))


def _token_id(claims: OidcClaims) -> str:
    """An id that no token of our own can have; of a token without one, all that it says."""
    told = (
        claims.token_id or f"{claims.subject}\n{claims.issued_at}\n{claims.expires_at}"
    )
    whole = f"{claims.issuer}\n{told}"
    return f"oidc_{hashlib.sha256(whole.encode()).hexdigest()[:40]}"


def _user_of(claims: OidcClaims, accounts: Accounts) -> UserRecord | None:
    """The account, made now if it is new; None for one that is disabled."""
    issuer, subject = claims.issuer, claims.subject
    found = accounts.stored_by_subject(issuer, subject)
    if found is None:
        for username, email in _names(claims):
            with suppress(NameTaken):
                _add(claims, accounts, username, email)
                break
        # Taken by somebody else, or by another worker who has just made this account.
        found = accounts.stored_by_subject(issuer, subject)
    return found and accounts.standing.present(found)


def _names(claims: OidcClaims) -> Iterator[tuple[str, str]]:
    """What the account may be called, the best first; the last one nobody else has."""
    whole = f"{claims.issuer}\n{claims.subject}"
    own = hashlib.sha256(whole.encode()).hexdigest()[:12]
    wanted = claims.username or claims.email
    fits = 0 < len(wanted) <= MAX_NAME and ":" not in wanted
    if fits and not looks_like_id(wanted):
        yield wanted, claims.email
        yield wanted, ""
        yield f"{wanted[: MAX_NAME - 13]}-{own}", ""
    yield f"oidc-{own}", ""


def _add(claims: OidcClaims, accounts: Accounts, username: str, email: str) -> None:
    accounts.check_names(username, email)
    with accounts.reach.writing() as session:
        add_user(
            session,
            username=username,
            email=email,
            name=claims.name,
            kind="oidc",
            groups=GROUPS,
            issuer=claims.issuer,
            subject=claims.subject,
        )
