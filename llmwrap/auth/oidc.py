"""Tokens of the company's identity provider (OpenID Connect), verified with its public keys.

Only verifying: whom a token stands for here is decided elsewhere. RFC 7519, RFC 8725, RFC 9068;
PyJWT 2.15.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cachetools import TLRUCache

from llmwrap.auth.credentials import refusal
from llmwrap.auth.jwks import Jwks
from llmwrap.auth.public_keys import ALGORITHMS
from llmwrap.errors import Unauthenticated
from llmwrap.settings.values import Oidc

LEEWAY_S = 60
MAX_TOKEN_CHARS = 8192
MAX_LIFETIME_S = 172_800
"""Two days: who was dismissed is not let in for long; Entra's longest tokens live 28 hours."""
MAX_TEXT = 320
"""Characters of a claim that goes on: as many as an address of mail may have."""
CACHE_TTL_S = 60
CACHE_SIZE = 4096

_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_OTHER_PURPOSES = frozenset({"Refresh", "Offline", "Logout"})
"""Keycloak's claim `typ` (26.4, 2026) in tokens that are not for showing at an API."""

_JWS = jwt.PyJWS(list(ALGORITHMS), {"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True)
class OidcClaims:
    """What a verified token says of its holder; times are Unix seconds.

    Only `issuer` and `subject` together identify somebody. The other texts are "" where the
    token has none; `email` also where the provider says that nobody has checked it. `groups`
    are the provider's, without the slash that Keycloak writes before them.
    """

    issuer: str
    subject: str
    issued_at: int
    expires_at: int
    token_id: str = ""
    email: str = ""
    username: str = ""
    name: str = ""
    groups: frozenset[str] = frozenset()


class OidcTokens:
    """Verifies the tokens of one issuer for one audience.

    `fetch` gets the provider's JWK Set; `clock` gives Unix seconds. Verified tokens are
    remembered for 60 s, never beyond their end, under the SHA-256 of the whole token. Safe to
    share; the lock guards the cache. Make it after a fork.
    """

    def __init__(
        self,
        settings: Oidc,
        fetch: Callable[[], bytes],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._jwks = Jwks(fetch, clock)
        self._lock = threading.Lock()
        self._verified: TLRUCache[bytes, OidcClaims] = TLRUCache(
            CACHE_SIZE, _forget_at, clock
        )

    def start(self) -> None:
        """Fetch the keys before somebody has to wait for them."""
        self._jwks.refresh()

    def issued(self, token: str) -> bool:
        """Whether `token` says that it comes from this issuer; nothing is verified."""
        parts = token.split(".")
        if len(parts) != 3 or not _is_short(token):
            return False
        try:
            payload = orjson.loads(_decoded(parts[1]))
        except ValueError:
            return False
        return isinstance(payload, dict) and self._is_ours(payload)

    def verify(self, token: str) -> OidcClaims:
        """Return the claims of a good token.

        Raises Unauthenticated: code `token_expired` for one that was good and has ended,
        `invalid_api_key` for everything else; IdentityProviderUnavailable where nobody can
        tell, because the provider's keys are not known.
        """
        if not _is_short(token):
            raise _bad_token()
        digest = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._verified.get(digest)
        if known is not None:
            return known
        claims = self._read(self._verified_payload(token))
        with self._lock:
            self._verified[digest] = claims
        return claims

    def _verified_payload(self, token: str) -> Mapping[str, Any]:
        """The payload, once the signature is good; addresses of keys in it are not heeded."""
        header, payload = _read_token(token)
        if not _is_plain(header) or not self._is_ours(payload):
            raise _bad_token()
        algorithm = header["alg"]
        key = self._jwks.find(header.get("kid"), algorithm)
        if key is None:
            raise _bad_token()
        try:
            _JWS.decode(token, key, [algorithm])
        except jwt.PyJWTError as error:
            raise _bad_token() from error
        return payload

    def _is_ours(self, payload: Mapping[str, Any]) -> bool:
        issuer = self._settings.issuer
        return issuer != "" and payload.get("iss") == issuer

    def _read(self, payload: Mapping[str, Any]) -> OidcClaims:
        audience, subject = payload.get("aud"), payload.get("sub")
        audiences = audience if isinstance(audience, list) else [audience]
        if not self._settings.audience or self._settings.audience not in audiences:
            raise _bad_token()
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_TEXT:
            raise _bad_token()
        purpose = payload.get("typ", "")
        if not isinstance(purpose, str) or purpose in _OTHER_PURPOSES:
            raise _bad_token()
        self._check_times(payload)
        checked = payload.get("email_verified", True) is True
        return OidcClaims(
            issuer=self._settings.issuer,
            subject=subject,
            issued_at=payload["iat"],
            expires_at=payload["exp"],
            token_id=_text(payload.get("jti")),
            email=_text(payload.get("email")) if checked else "",
            username=_text(payload.get("preferred_username")),
            name=_text(payload.get("name")),
            groups=_groups(payload.get("groups")),
        )

    def _check_times(self, payload: Mapping[str, Any]) -> None:
        issued, ends = payload.get("iat"), payload.get("exp")
        starts = payload.get("nbf", issued)
        if not (type(issued) is int and type(ends) is int and type(starts) is int):
            raise _bad_token()
        now = self._clock()
        if max(issued, starts) > now + LEEWAY_S:
            raise _bad_token()
        if not 0 < ends - issued <= MAX_LIFETIME_S:
            raise _bad_token()
        if ends + LEEWAY_S <= now:
            raise refusal("the token has expired", code="token_expired")


def _bad_token() -> Unauthenticated:
    """The same words whatever is wrong: a forger learns nothing."""
    return refusal("invalid token of the identity provider")


def _forget_at(_: bytes, claims: OidcClaims, now: float) -> float:
    return min(now + CACHE_TTL_S, claims.expires_at + LEEWAY_S)


def _is_plain(header: Mapping[str, Any]) -> bool:
    """A signature over the token as it stands, with a name of a key or none."""
    kind, kid = header.get("typ", "JWT"), header.get("kid")
    return (
        header.get("alg") in ALGORITHMS
        and isinstance(kind, str)
        and kind.lower() in _TYPES
        and isinstance(kid, str | None)
        and "crit" not in header
        and "b64" not in header
    )


def _is_short(token: str) -> bool:
    return len(token) <= MAX_TOKEN_CHARS and token.isascii()


def _read_token(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, nothing verified; refused where two readers could differ on them."""
    parts = token.split(".")
    if len(parts) != 3:
        raise _bad_token()
    try:
        header, payload = (
            json.loads(
                _decoded(part), object_pairs_hook=_object, parse_constant=_no_number
            )
            for part in parts[:2]
        )
    except (ValueError, RecursionError) as error:
        raise _bad_token() from error
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise _bad_token()
    return header, payload


def _decoded(part: str) -> str:
    """One part of a token as text; ValueError where it is none. PyJWT is stricter still."""
    padding = "=" * (-len(part) % 4)
    return base64.b64decode(part + padding, b"-_", validate=True).decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name stands there twice")
    return value


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _text(value: object) -> str:
    """A claim that is a short line of text, else ""."""
    fits = isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()
    return value if isinstance(value, str) and fits else ""


def _groups(value: object) -> frozenset[str]:
    texts = map(_text, value) if isinstance(value, list) else ()
    return frozenset(text.removeprefix("/") for text in texts) - {""}
