"""Our own session tokens: JWTs signed with HS256 by this gateway, for this gateway.

Tokens of other issuers are no business of this module. RFC 7519, RFC 8725; PyJWT 2.15.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cachetools import TLRUCache
from jwt.types import Options

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.credentials import Credential, refusal
from llmwrap.auth.last_use import LastUse
from llmwrap.auth.principal import Principal
from llmwrap.auth.users import UserRecord

NAME = "llmwrap"
"""Issuer and audience."""

LEEWAY_S = 60
MAX_TOKEN_CHARS = 8192
CACHE_TTL_S = 60
CACHE_SIZE = 4096

_OF_FAMILY = "."
"""Stands in a `jti` between the family of the refresh token and what is the token's own."""

_HEADER = {"alg": "HS256", "typ": "JWT"}
_OPTIONS: Options = {
    "require": ["exp", "iat", "iss", "aud", "sub", "jti", "ver"],
    "strict_aud": True,
    "enforce_minimum_key_length": True,
    # PyJWT has its own clock and takes floats and numeric strings: see `_check_times`.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; times are Unix seconds.

    `version` is the user's when it was issued: a new password ends what was issued before.
    """

    user_id: str
    token_id: str
    version: int
    issued_at: int
    expires_at: int


class SessionTokens:
    """Issues and verifies session tokens with one key of at least 32 bytes.

    Those of guests are good for `guest_ttl_s`; `clock` gives Unix seconds. Verified tokens
    are remembered for 60 s, never beyond their end, under the SHA-256 of the whole token.
    Safe to share; the lock guards the cache.
    """

    def __init__(
        self,
        key: bytes,
        ttl_s: int,
        guest_ttl_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._ttl_s = ttl_s
        self._guest_ttl_s = guest_ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._verified: TLRUCache[bytes, Claims] = TLRUCache(
            CACHE_SIZE, _forget_at, clock
        )

    def issue(self, user: UserRecord, family: str = "") -> tuple[str, int]:
        """Sign a new token for `user`; return it and its end in Unix seconds.

        `family` is that of the refresh token that comes with it.
        """
        now = int(self._clock())
        expires_at = now + self.ttl_of(user)
        own = secrets.token_hex(16)
        claims = {
            "iss": NAME,
            "aud": NAME,
            "sub": user.id,
            "jti": f"{family}{_OF_FAMILY}{own}" if family else own,
            "ver": user.token_version,
            "iat": now,
            "exp": expires_at,
        }
        return jwt.encode(claims, self._key, "HS256"), expires_at

    @property
    def longest_ttl_s(self) -> int:
        """How long any token is good that was given out by now, in whole seconds."""
        return max(self._ttl_s, self._guest_ttl_s)

    def ttl_of(self, user: UserRecord) -> int:
        """How long a token for `user` is good, in whole seconds."""
        return self._guest_ttl_s if user.is_guest else self._ttl_s

    def verify(self, token: str) -> Claims:
        """Return the claims of a good token.

        Raises Unauthenticated: code `token_expired` for a token of ours that has ended,
        `invalid_api_key` for everything else.
        """
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise refusal("invalid session token")
        digest = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._verified.get(digest)
        if known is not None:
            return known
        claims = self._read(token)
        with self._lock:
            self._verified[digest] = claims
        return claims

    def _read(self, token: str) -> Claims:
        try:
            decoded = jwt.decode_complete(
                token, self._key, ["HS256"], _OPTIONS, audience=NAME, issuer=NAME
            )
        except jwt.PyJWTError as error:
            raise refusal("invalid session token") from error
        payload = decoded["payload"]
        # Exactly the header that we write: no crit, jku, jwk, kid, x5u or b64 gets in.
        version = payload["ver"]
        if (
            decoded["header"] != _HEADER
            or not payload["sub"]
            or type(version) is not int
        ):
            raise refusal("invalid session token")
        self._check_times(payload)
        return Claims(
            payload["sub"], payload["jti"], version, payload["iat"], payload["exp"]
        )

    def _check_times(self, payload: dict[str, Any]) -> None:
        issued, ends = payload["iat"], payload["exp"]
        starts = payload.get("nbf", issued)
        if not type(issued) is type(ends) is type(starts) is int:
            raise refusal("invalid session token")
        now = self._clock()
        lives_s = ends - issued
        if (
            max(issued, starts) > now + LEEWAY_S
            or not 0 < lives_s <= self.longest_ttl_s
        ):
            raise refusal("invalid session token")
        if ends + LEEWAY_S <= now:
            raise refusal("the session token has expired", code="token_expired")


def _forget_at(_: bytes, claims: Claims, now: float) -> float:
    return min(now + CACHE_TTL_S, claims.expires_at + LEEWAY_S)


class Sessions:
    """Tells whose a session token is, as the accounts are now; safe to share by threads."""

    def __init__(
        self, accounts: Accounts, tokens: SessionTokens, last_use: LastUse
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._last_use = last_use

    def authenticate(self, credential: Credential) -> Principal | None:
        """Identify a user by a session token, with the user's present groups.

        None for what does not look like a JWT.
        """
        token = credential.value
        if credential.scheme != "bearer" or not looks_like_jwt(token):
            return None
        claims = self._tokens.verify(token)
        user = self._user_of(claims)
        if user is None or self._is_revoked(claims.token_id):
            raise refusal("invalid session token")
        if user.is_guest:
            self._last_use.note_user(user.id)
        return self._accounts.limited(
            user.principal(
                "guest" if user.is_guest else "jwt",
                token_id=claims.token_id,
                expires_at=claims.expires_at,
            )
        )

    def _is_revoked(self, token_id: str) -> bool:
        standing, family = self._accounts.standing, family_of(token_id)
        return standing.token_revoked(token_id) or (
            family != "" and standing.token_revoked(family)
        )

    def _user_of(self, claims: Claims) -> UserRecord | None:
        user = self._accounts.by_id(claims.user_id)
        if user and user.token_version < claims.version:
            # Another worker has just given it out, after a change of the password.
            user = self._accounts.reload(user)
        return user if user and user.token_version == claims.version else None


def family_of(token_id: str) -> str:
    """The family of refresh tokens of the same sign-in, "" where it has none."""
    family, found, _ = token_id.partition(_OF_FAMILY)
    return family if found else ""


def looks_like_jwt(token: str) -> bool:
    """Tell a JWT from an API key: three parts, the first a JSON object (`eyJ`)."""
    return token.startswith("eyJ") and token.count(".") == 2
