"""Tokens that nobody gave out, forty and more; each differs from a good one in one thing."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from llmwrap.auth.users import user_id
from tests.auth.issuer import (
    AUDIENCE,
    ISSUER,
    OTHER_RSA,
    RSA,
    base64url,
    jwk,
    signed_text,
)
from tests.matrix.ground import SIGNING_KEY

DECADE_S = 315_360_000

Make = Callable[[], str]


def ours(
    key: bytes = SIGNING_KEY, *, header: Mapping[str, Any] | None = None, **claims: Any
) -> str:
    """A session token with these headers and claims; one that is `...` is left out."""
    told = {"alg": "HS256", "typ": "JWT"} | dict(header or {})
    return _hs256(_json(told), _json(our_claims() | claims), key)


def our_claims() -> dict[str, Any]:
    """What a good session token of an administrator says."""
    now = int(time.time())
    known = {"iss": "llmwrap", "aud": "llmwrap", "sub": user_id("root")}
    return known | {"jti": "forged", "ver": 0, "iat": now, "exp": now + 3600}


def theirs(
    key: Any = RSA, *, header: Mapping[str, Any] | None = None, **claims: Any
) -> str:
    """A token of the identity provider, in the same way."""
    told = {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"} | dict(header or {})
    return signed_text(_json(told), _json(their_claims() | claims), key)


def their_claims() -> dict[str, Any]:
    """What a good token of the provider says."""
    now = int(time.time())
    known = {"iss": ISSUER, "aud": AUDIENCE, "sub": "f:1:forged", "jti": "forged"}
    return known | {"iat": now, "exp": now + 300}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in value.items() if v is not ...})


def _hs256(header: str, payload: str, key: bytes) -> str:
    text = f"{base64url(header.encode())}.{base64url(payload.encode())}"
    return f"{text}.{base64url(hmac.digest(key, text.encode(), hashlib.sha256))}"


def _unsigned(algorithm: str) -> str:
    head, body, _ = ours(header={"alg": algorithm}).split(".")
    return f"{head}.{body}."


def _hs256_with_public_key() -> str:
    """The provider's public key, which everybody has, as a shared secret."""
    public = RSA.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}
    return _hs256(_json(header), _json(their_claims()), public)


def _payload_of_another() -> str:
    """The signature of a user's token under an administrator's payload."""
    head, _, signature = ours(sub=user_id("alice")).split(".")
    return f"{head}.{ours().split('.')[1]}.{signature}"


def _their_payload_of_another() -> str:
    head, _, signature = theirs(sub="f:1:other").split(".")
    return f"{head}.{theirs().split('.')[1]}.{signature}"


def _twice(name: str, value: object) -> str:
    """Two readers could take this for two tokens."""
    payload = f'{{"{name}": {json.dumps(value)}, {_json(their_claims())[1:]}'
    return signed_text('{"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}', payload)


def _nested() -> str:
    """A good token as the payload of another, as `cty` tells (RFC 7519 5.2)."""
    return _hs256('{"alg":"HS256","typ":"JWT","cty":"JWT"}', ours(), SIGNING_KEY)


def _later(**shifts: int) -> dict[str, int]:
    return {name: int(time.time()) + seconds for name, seconds in shifts.items()}


def _letters(text: str) -> str:
    """Upper and lower case of the signature exchanged."""
    head, _, signature = text.rpartition(".")
    return f"{head}.{signature.swapcase()}"


GOOD: Mapping[str, Make] = {"ours": ours, "theirs": theirs}
"""The controls: these are let in."""

FORGED: Mapping[str, Make] = {
    "alg none": lambda: _unsigned("none"),
    "alg nOnE": lambda: _unsigned("nOnE"),
    "alg none, signed": lambda: ours(header={"alg": "none"}),
    "alg RS256 over a shared secret": lambda: ours(header={"alg": "RS256"}),
    "alg PS256 over RS256": lambda: theirs(header={"alg": "PS256"}),
    "HS256 with the public key": _hs256_with_public_key,
    "payload of another": _payload_of_another,
    "their payload of another": _their_payload_of_another,
    "their issuer under our key": lambda: ours(iss=ISSUER),
    "our issuer under their key": lambda: theirs(iss="llmwrap", aud="llmwrap"),
    "key of another gateway": lambda: ours(b"6f" * 32),
    "key of another provider": lambda: theirs(OTHER_RSA),
    "empty key": lambda: ours(b""),
    "wrong iss": lambda: theirs(iss=f"{ISSUER}/"),
    "our iss longer": lambda: ours(iss="llmwrap.example"),
    "wrong aud": lambda: theirs(aud="account"),
    "our aud of another": lambda: ours(aud="llmwrap-refresh"),
    "our aud a list": lambda: ours(aud=["llmwrap"]),
    "wrong kid": lambda: theirs(header={"kid": "rsa-2"}),
    "kid a path": lambda: ours(header={"kid": "../../dev/null"}),
    "jku": lambda: ours(header={"jku": "https://keys.example/certs"}),
    "jku of another provider": lambda: theirs(
        OTHER_RSA, header={"jku": "https://keys.example/certs"}
    ),
    "jwk in the token": lambda: theirs(OTHER_RSA, header={"jwk": jwk(OTHER_RSA)}),
    "crit": lambda: ours(header={"crit": ["exp"]}),
    "their crit": lambda: theirs(header={"crit": ["x"], "x": 1}),
    "b64 false": lambda: ours(header={"b64": False, "crit": ["b64"]}),
    "expired": lambda: ours(**_later(iat=-3700, exp=-100)),
    "theirs expired": lambda: theirs(**_later(iat=-400, exp=-100)),
    "nbf in the future": lambda: ours(**_later(nbf=120)),
    "iat in the future": lambda: theirs(**_later(iat=120, exp=300)),
    "no exp": lambda: ours(exp=...),
    "theirs without exp": lambda: theirs(exp=...),
    "exp in ten years": lambda: ours(**_later(exp=DECADE_S)),
    "theirs in ten years": lambda: theirs(**_later(exp=DECADE_S)),
    "exp a text": lambda: ours(exp=str(int(time.time()) + 3600)),
    "sub twice": lambda: _twice("sub", "f:1:root"),
    "sub of nobody": lambda: ours(sub="usr_nobody"),
    "no jti": lambda: ours(jti=...),
    "version to come": lambda: ours(ver=1),
    "typ of a sign-out": lambda: theirs(header={"typ": "logout+jwt"}),
    "their refresh token": lambda: theirs(typ="Refresh"),
    "signature cut": lambda: ours()[:-4],
    "signature gone": lambda: ours().rpartition(".")[0] + ".",
    "signature in other letters": lambda: _letters(ours()),
    "a space within": lambda: ours().replace(".", ". ", 1),
    "a tab at the end": lambda: ours() + "\t.",
    "two dots": lambda: ours().replace(".", "..", 1),
    "two parts": lambda: ours().rpartition(".")[0],
    "a letter beyond ASCII": lambda: ours()[:-1] + "é",
    "nested": _nested,
}
