"""Guests: accounts for the asking, and the pair of tokens that they live on.

An access token lasts an hour or so, a refresh token gets the next pair, once. One that is used
again was stolen, from its owner or by it: its whole family ends.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from llmwrap.auth.audit import Note, Visit
from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.credentials import BEARER_CHALLENGE
from llmwrap.auth.principal import Principal
from llmwrap.auth.users import UserRecord
from llmwrap.errors import AccountBlocked, Forbidden, InvalidRequest, Unauthenticated
from llmwrap.storage.tokens import (
    RefreshUse,
    add_refresh_token,
    revoke_family,
    use_refresh_token,
)
from llmwrap.storage.users import NameTaken, UnknownUser, add_user, upgrade_guest


@dataclass(frozen=True, slots=True)
class Pair:
    """A user's new access and refresh token; `expires_at` of the first in Unix seconds."""

    user: UserRecord
    access_token: str
    refresh_token: str
    expires_in: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Names:
    """What a guest wants to be called."""

    username: str
    email: str
    full_name: str = ""


def guest_login(sources: CredentialSources, visit: Visit) -> Pair:
    """Make a guest; Forbidden unless guests are enabled, RateLimited after too many."""
    guest, accounts = sources.settings.auth.guest, sources.accounts
    if not guest.enabled:
        raise Forbidden("guest accounts are not enabled here")
    sources.throttle.guest_allowed(visit.ip)
    refresh_token, family = sources.pepper.new_refresh_token(), uuid.uuid4().hex
    now = datetime.now(UTC)
    with accounts.reach.writing() as session:
        stored = add_user(
            session,
            username=f"guest-{uuid.uuid4()}",
            kind="guest",
            is_guest=True,
            groups=(guest.group,),
        )
        add_refresh_token(
            session,
            token_hash=sources.pepper.hash(refresh_token),
            family_id=family,
            user_id=stored.id,
            issued_at=now,
            expires_at=now + timedelta(seconds=sources.settings.auth.refresh_ttl_s),
            ip=visit.ip,
            user_agent=visit.user_agent,
        )
    user = accounts.of_stored(stored)
    assert user
    sources.trail.note(Note("guest_created", visit, user.id, "guest", "user", user.id))
    return _pair(sources, user, refresh_token, family)


def refresh(sources: CredentialSources, token: str, visit: Visit) -> Pair:
    """Exchange a refresh token for the next pair; that token is used up.

    Raises Unauthenticated for one that is not good (any more), AccountBlocked.
    """
    successor = sources.pepper.new_refresh_token()
    hashes = sources.pepper.hash(token), sources.pepper.hash(successor)
    now = datetime.now(UTC)
    with sources.accounts.reach.writing() as session:
        use = use_refresh_token(session, hashes[0], now=now, replaced_by=hashes[1])
        if use.outcome == "ok":
            user = _admitted(sources, use)
            add_refresh_token(
                session,
                token_hash=hashes[1],
                family_id=use.family_id,
                user_id=user.id,
                issued_at=now,
                expires_at=now + timedelta(seconds=sources.settings.auth.refresh_ttl_s),
                ip=visit.ip,
                user_agent=visit.user_agent,
            )
    # Not inside: an error there would undo what a second use has revoked.
    if use.outcome != "ok":
        _tell_of_misuse(sources, use, visit)
        raise _refused()
    return _pair(sources, user, successor, use.family_id)


def revoke(sources: CredentialSources, token: str, visit: Visit) -> None:
    """End a refresh token and all that came of it; one that is not known is no error."""
    hashed = sources.pepper.hash(token)
    with sources.accounts.reach.writing() as session:
        known = revoke_family(session, hashed, datetime.now(UTC))
    if known:
        note = Note("token_revoked", visit, resource_type="refresh_token")
        sources.trail.note(note)


def upgrade(
    sources: CredentialSources, principal: Principal, names: Names, visit: Visit
) -> None:
    """Make a guest a user of its own name, with the same id, groups and conversations.

    Raises InvalidRequest for who is no guest, and for a name that somebody has.
    """
    accounts = sources.accounts
    try:
        accounts.check_names(names.username, names.email)
        with accounts.reach.writing() as session:
            upgrade_guest(
                session,
                principal.id,
                username=names.username,
                email=names.email,
                name=names.full_name,
            )
    except NameTaken as error:
        told = "the username or the email is in use"
        raise InvalidRequest(told, param="username") from error
    except UnknownUser as error:
        raise InvalidRequest("this account is no guest account") from error
    accounts.changed()
    sources.trail.note(
        Note("guest_upgraded", visit, principal.id, "guest", "user", principal.id)
    )


def _admitted(sources: CredentialSources, use: RefreshUse) -> UserRecord:
    """The user of a good refresh token; what this raises leaves the token good."""
    user = use.user and sources.accounts.of_stored(use.user)
    if not user or not user.active:
        raise _refused()
    if "blocked" in user.groups:
        raise AccountBlocked("this account is blocked")
    return user


def _pair(
    sources: CredentialSources, user: UserRecord, refresh_token: str, family: str
) -> Pair:
    access_token, expires_at = sources.tokens.issue(user, family)
    expires_in = sources.tokens.ttl_of(user)
    return Pair(user, access_token, refresh_token, expires_in, expires_at)


def _tell_of_misuse(sources: CredentialSources, use: RefreshUse, visit: Visit) -> None:
    if use.outcome == "reused" and use.user:
        note = Note("refresh", visit, use.user.id, use.user.kind, outcome="reused")
        sources.trail.note(note)


def _refused() -> Unauthenticated:
    told = "the refresh token is unknown, used, revoked or expired"
    return Unauthenticated(told, headers=(BEARER_CHALLENGE,))
