"""A company's identity provider: keys made at the start, a JWK Set, tokens signed for real."""

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from llmwrap.settings.values import Oidc

ISSUER = "https://login.example/realms/team"
AUDIENCE = "llmwrap"
NOW = 1_800_000_000
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "f:1:alice",
    "jti": "t1",
    "iat": NOW,
    "exp": NOW + 300,
}

RSA = rsa.generate_private_key(65537, 2048)
"""The key that signs unless a test says otherwise; `kid` is `rsa-1`."""
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
P521 = ec.generate_private_key(ec.SECP521R1())
KOBLITZ = ec.generate_private_key(ec.SECP256K1())
ED = ed25519.Ed25519PrivateKey.generate()

_WRITERS = {
    rsa.RSAPrivateKey: RSAAlgorithm,
    ec.EllipticCurvePrivateKey: ECAlgorithm,
    ed25519.Ed25519PrivateKey: OKPAlgorithm,
}


def jwk(key: Any, kid: str | None = "rsa-1", **more: Any) -> dict[str, Any]:
    """The public part of `key` as the provider publishes it."""
    (writer,) = (w for kind, w in _WRITERS.items() if isinstance(key, kind))
    entry = dict(writer.to_jwk(key.public_key(), as_dict=True))
    entry.pop("key_ops", None)
    named = {"kid": kid} if kid is not None else {}
    return entry | named | more


def jwks(*entries: dict[str, Any]) -> bytes:
    """The document that is fetched."""
    return json.dumps({"keys": entries}).encode()


def token(
    key: Any = RSA,
    algorithm: str = "RS256",
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """A token with CLAIMS, changed; a claim that is set to ... is left out."""
    told = {"kid": "rsa-1"} if header is None else header
    claims = {k: v for k, v in (CLAIMS | changes).items() if v is not ...}
    return jwt.encode(claims, key, algorithm, headers=told)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_text(header: str, payload: str, key: rsa.RSAPrivateKey = RSA) -> str:
    """A token over any text at all, well signed."""
    text = f"{base64url(header.encode())}.{base64url(payload.encode())}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), SHA256())
    return f"{text}.{base64url(signature)}"


SETTINGS = Oidc(issuer=ISSUER, audience=AUDIENCE)
HEADER = json.dumps({"alg": "RS256", "typ": "JWT", "kid": "rsa-1"})
PAYLOAD = json.dumps(CLAIMS)
"""Header and payload of GOOD, as text."""
SET = jwks(
    jwk(RSA, use="sig", alg="RS256"),
    jwk(OTHER_RSA, "pss", alg="PS256"),
    jwk(OTHER_RSA, "enc", use="enc"),
    jwk(WEAK_RSA, "weak"),
    jwk(P256, "p256"),
    jwk(P384, "p384"),
    jwk(P521, "p521"),
    jwk(ED, "ed"),
)
GOOD = token()
