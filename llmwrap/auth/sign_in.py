"""Signing in and out: a name and a password become a session token, and a session ends."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from llmwrap.auth.audit import Note, Visit
from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.basic import (
    MAX_PASSWORD_BYTES,
    MIN_NEW_CHARS,
    could_be_password,
)
from llmwrap.auth.credentials import BEARER_CHALLENGE
from llmwrap.auth.jwt_tokens import LEEWAY_S, family_of
from llmwrap.auth.principal import Principal
from llmwrap.auth.throttle import Attempt
from llmwrap.auth.users import UserRecord
from llmwrap.errors import (
    AccountBlocked,
    Forbidden,
    InvalidRequest,
    Unauthenticated,
)
from llmwrap.storage.tokens import (
    end_family,
    revoke_refresh_tokens_of,
    revoke_token,
)
from llmwrap.storage.users import UnknownUser, replace_password


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and a new session token; `expires_at` in Unix seconds."""

    user: UserRecord
    token: str
    expires_at: int


def sign_in(
    sources: CredentialSources, email_or_username: str, password: str, visit: Visit
) -> SignedIn:
    """Exchange a password for a token, or raise.

    Unauthenticated is the same, after the same work, for an unknown name and a wrong
    password; AccountBlocked is for those who know the password; RateLimited comes from
    the throttle and PasswordChecker.
    """
    attempt = Attempt(email_or_username, visit.ip)
    # Both before the database is asked: guesses that are refused must cost nothing there.
    sources.throttle.check(*attempt)
    sources.passwords.check_place(visit.ip)
    could_be = could_be_password(password)
    user = sources.accounts.by_sign_in_name(email_or_username) if could_be else None
    actor = user.id if user else ""
    if not sources.passwords.verify(user, password, attempt) or user is None:
        sources.trail.note(Note("sign_in", visit, actor, outcome="failed"))
        # No Basic challenge: browsers answer it with a password dialog of their own.
        raise Unauthenticated("wrong email or password", headers=(BEARER_CHALLENGE,))
    if "blocked" in user.groups:
        sources.trail.note(Note("sign_in", visit, actor, outcome="blocked"))
        raise AccountBlocked("this account is blocked")
    sources.trail.note(Note("sign_in", visit, actor, user.kind))
    return _signed_in(sources, user)


def sign_out(sources: CredentialSources, principal: Principal, visit: Visit) -> None:
    """End the session by which the principal came, and no other; nothing for other kinds.

    The refresh token of the same sign-in ends too, and every token that it has got. Raises
    StorageUnavailable when that cannot be kept.
    """
    if not principal.token_id:
        return
    ends = datetime.fromtimestamp(principal.expires_at + LEEWAY_S, UTC)
    now, family = datetime.now(UTC), family_of(principal.token_id)
    with sources.accounts.reach.writing() as session:
        revoke_token(session, principal.token_id, user_id=principal.id, expires_at=ends)
        if family:
            end_family(session, family, now)
            # A later one of the family may live longer than the one that was shown.
            longest = timedelta(seconds=sources.tokens.longest_ttl_s + LEEWAY_S)
            revoke_token(
                session, family, user_id=principal.id, expires_at=now + longest
            )
    sources.accounts.changed()
    sources.trail.note(
        Note("session_ended", visit, principal.id, principal.kind, "session")
    )


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A change of password; `old` may be "" for an account that has none yet."""

    old: str = field(repr=False)
    new: str = field(repr=False)


def change_password(
    sources: CredentialSources,
    principal: Principal,
    change: NewPassword,
    visit: Visit,
) -> SignedIn:
    """Change the own password: every session before ends, and a new one begins.

    Raises Forbidden where the password is not kept here, InvalidRequest when one of the two
    is not good, Unauthenticated when it was changed elsewhere, RateLimited like `sign_in`.
    """
    user, new = sources.accounts.by_id(principal.id), change.new
    if user is None or user.kind != "local":
        raise Forbidden("the password of this account cannot be changed here")
    if (user.password_hash or change.old) and not sources.passwords.verify(
        user, change.old, Attempt(user.username, visit.ip)
    ):
        raise InvalidRequest("the old password is wrong", param="password")
    if len(new) < MIN_NEW_CHARS or len(new.encode()) > MAX_PASSWORD_BYTES:
        raise InvalidRequest(
            f"the new password has {len(new)} characters; accepted: {MIN_NEW_CHARS} or"
            f" more, and at most {MAX_PASSWORD_BYTES} bytes",
            param="new_password",
        )
    hashed = sources.passwords.hash(new, visit.ip)
    _replace(sources, user, hashed)
    newer = sources.accounts.reload(user)
    if newer is None:
        raise Unauthenticated("this account was disabled", headers=(BEARER_CHALLENGE,))
    note = Note("password_changed", visit, user.id, principal.kind, "user", user.id)
    sources.trail.note(note)
    return _signed_in(sources, newer)


def _replace(sources: CredentialSources, user: UserRecord, hashed: str) -> None:
    """Store the new password of `user`, if it still has the one that was checked."""
    try:
        with sources.accounts.reach.writing() as session:
            replace_password(session, user.id, hashed, checked_hash=user.password_hash)
            revoke_refresh_tokens_of(session, user.id, datetime.now(UTC))
    except UnknownUser as error:
        # `user` is a few seconds old at most; an operator may have been here since.
        told = "the password of this account was changed; sign in again"
        raise Unauthenticated(told, headers=(BEARER_CHALLENGE,)) from error
    finally:
        sources.accounts.changed()


def _signed_in(sources: CredentialSources, user: UserRecord) -> SignedIn:
    token, expires_at = sources.tokens.issue(user)
    return SignedIn(user, token, expires_at)
