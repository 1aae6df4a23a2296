"""Forged tokens of an identity provider: each differs from a good one in one thing."""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from llmwrap.auth.oidc import OidcTokens
from llmwrap.errors import Unauthenticated
from tests.auth.issuer import (
    AUDIENCE,
    CLAIMS,
    GOOD,
    HEADER,
    ISSUER,
    KOBLITZ,
    NOW,
    OTHER_RSA,
    PAYLOAD,
    RSA,
    SET,
    SETTINGS,
    WEAK_RSA,
    base64url,
    jwk,
    signed_text,
    token,
)

HEAD, BODY, SIGNATURE = GOOD.split(".")


@pytest.fixture
def oidc(clock):
    return OidcTokens(SETTINGS, lambda: SET, clock)


def hs256(secret: bytes) -> str:
    """A token signed with a shared secret that everybody knows."""
    text = f"{base64url(HEADER.replace('RS256', 'HS256').encode())}.{BODY}"
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def public(encoding: Encoding, form: PublicFormat) -> bytes:
    return RSA.public_key().public_bytes(encoding, form)


def unsigned(algorithm: object) -> str:
    header = json.dumps({"alg": algorithm, "typ": "JWT", "kid": "rsa-1"})
    return f"{base64url(header.encode())}.{BODY}."


def with_header(**changes: object) -> str:
    header = json.loads(HEADER) | changes
    left = {name: value for name, value in header.items() if value is not ...}
    return signed_text(json.dumps(left), PAYLOAD)


def with_claim(name: str, text: str) -> str:
    payload = json.dumps({**CLAIMS, name: "PLACE"}).replace('"PLACE"', text)
    return signed_text(HEADER, payload)


def twice(text: str, name: str, value: str) -> str:
    return f'{{"{name}": {value}, {text[1:]}'


FORGED = {
    "alg none": unsigned("none"),
    "alg nOnE": unsigned("nOnE"),
    "alg empty": unsigned(""),
    "alg null": unsigned(None),
    "alg list": unsigned(["RS256"]),
    "alg none, signed": with_header(alg="none"),
    "alg missing": with_header(alg=...),
    "alg lower case": with_header(alg="rs256"),
    "alg that this key is not for": token(RSA, "RS512"),
    "alg of another type of key": with_header(alg="ES256"),
    "alg ES256K": token(KOBLITZ, "ES256K", {"kid": "p256"}),
    "HS256 with the public key, SPKI in PEM": hs256(
        public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the public key, SPKI in DER": hs256(
        public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the public key, PKCS 1 in PEM": hs256(
        public(Encoding.PEM, PublicFormat.PKCS1)
    ),
    "HS256 with the public key, PKCS 1 in DER": hs256(
        public(Encoding.DER, PublicFormat.PKCS1)
    ),
    "HS256 with nothing": hs256(b""),
    "unknown kid": token(header={"kid": "rsa-2"}),
    "kid of another key": token(header={"kid": "pss"}),
    "kid in other letters": token(header={"kid": "RSA-1"}),
    "kid empty": token(header={"kid": ""}),
    "kid int": with_header(kid=1),
    "kid a path": token(header={"kid": "../../dev/null"}),
    "key for encryption": token(OTHER_RSA, "RS256", {"kid": "enc"}),
    "key too short": signed_text(HEADER.replace("rsa-1", "weak"), PAYLOAD, WEAK_RSA),
    "key of a stranger": token(OTHER_RSA),
    "key in the token": token(OTHER_RSA, header={"jwk": jwk(OTHER_RSA)}),
    "typ of a sign-out": with_header(typ="logout+jwt"),
    "typ int": with_header(typ=1),
    "crit unknown": with_header(crit=["x"]),
    "crit known": with_header(crit=["exp"]),
    "crit empty": with_header(crit=[]),
    "b64 false": with_header(b64=False, crit=["b64"]),
    "b64 true": with_header(b64=True),
    "header a list": signed_text("[1]", PAYLOAD),
    "header not JSON": signed_text("{", PAYLOAD),
    "header deep": signed_text("[" * 3000, PAYLOAD),
    "header names alg twice": signed_text(twice(HEADER, "alg", '"none"'), PAYLOAD),
    "header names kid twice": signed_text(twice(HEADER, "kid", '"pss"'), PAYLOAD),
    "payload names sub twice": signed_text(HEADER, twice(PAYLOAD, "sub", '"root"')),
    "payload names iss twice": signed_text(HEADER, twice(PAYLOAD, "iss", '"x"')),
    "payload names a thing in it twice": with_claim("realm", '{"a": 1, "a": 2}'),
    "payload a list": signed_text(HEADER, "[]"),
    "payload not JSON": signed_text(HEADER, "{"),
    "payload deep": signed_text(HEADER, "[" * 3000),
    "signature empty": f"{HEAD}.{BODY}.",
    "signature stripped": f"{HEAD}.{BODY}",
    "signature cut": GOOD[:-4],
    "signature longer": f"{GOOD}AAAA",
    "signature of another token": f"{HEAD}.{token(sub='root').split('.')[1]}.{SIGNATURE}",
    "four parts": f"{GOOD}.",
    "no parts": "",
    "only dots": "..",
    "line feed at the end": f"{GOOD}\n",
    "not ASCII": f"{GOOD[:-1]}é",
    "over 8 KiB": token(pad="x" * 6000),
    "iss prefix": token(iss=ISSUER[:-1]),
    "iss suffix": token(iss=f"{ISSUER}x"),
    "iss with a slash": token(iss=f"{ISSUER}/"),
    "iss list": with_claim("iss", json.dumps([ISSUER])),
    "iss empty": token(iss=""),
    "no iss": token(iss=...),
    "aud other": token(aud="account"),
    "aud list of others": token(aud=["account", "llmwrap2"]),
    "aud prefix": token(aud="llmwra"),
    "aud with more": token(aud="llmwrap account"),
    "aud empty list": token(aud=[]),
    "aud nested": with_claim("aud", f'[["{AUDIENCE}"]]'),
    "aud object": with_claim("aud", f'{{"{AUDIENCE}": 1}}'),
    "aud null": with_claim("aud", "null"),
    "no aud": token(aud=...),
    "sub empty": token(sub=""),
    "sub int": with_claim("sub", "1"),
    "sub too long": token(sub="x" * 321),
    "no sub": token(sub=...),
    "no exp": token(exp=...),
    "no iat": token(iat=...),
    "exp string": with_claim("exp", f'"{NOW + 300}"'),
    "exp float": with_claim("exp", f"{NOW + 300}.5"),
    "exp NaN": with_claim("exp", "NaN"),
    "exp Infinity": with_claim("exp", "Infinity"),
    "exp 1e400": with_claim("exp", "1e400"),
    "exp of 4000 digits": with_claim("exp", "9" * 4000),
    "exp of 5000 digits": with_claim("exp", "9" * 5000),
    "exp true": with_claim("exp", "true"),
    "exp before iat": token(iat=NOW + 30, exp=NOW + 20),
    "exp in ten years": token(exp=NOW + 315_360_000),
    "over two days": token(exp=NOW + 172_801),
    "iat 61 s ahead": token(iat=NOW + 61),
    "nbf 61 s ahead": token(nbf=NOW + 61),
    "nbf null": with_claim("nbf", "null"),
    "Keycloak's refresh token": token(typ="Refresh"),
    "Keycloak's offline token": token(typ="Offline"),
    "purpose list": token(typ=["Refresh"]),
    "purpose object": token(typ={"Refresh": 1}),
    "purpose null": token(typ=None),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(oidc, name):
    with pytest.raises(Unauthenticated) as refused:
        oidc.verify(FORGED[name])
    assert refused.value.message == "invalid token of the identity provider"
    assert refused.value.code == "invalid_api_key"


def test_a_forged_token_is_refused_after_the_good_one_was_seen(oidc):
    oidc.verify(GOOD)
    for forged in FORGED.values():
        with pytest.raises(Unauthenticated):
            oidc.verify(forged)


def test_the_table_differs_from_a_good_token_in_one_thing_each(oidc):
    assert oidc.verify(signed_text(HEADER, PAYLOAD)).subject == "f:1:alice"
    assert oidc.verify(token(typ="Bearer")).subject == "f:1:alice"
    assert oidc.verify(with_claim("nbf", str(NOW))).subject == "f:1:alice"


@pytest.mark.parametrize("odd", [None, 1, True, ["x"], {"x": 1}, [["x"]], [{"x": 1}]])
@pytest.mark.parametrize(
    "claim", ["jti", "email", "email_verified", "preferred_username", "name", "groups"]
)
def test_a_claim_of_another_type_says_nothing(oidc, claim, odd):
    claims = oidc.verify(token(**{claim: odd}))
    assert claims.subject == "f:1:alice"
    left = {"jti": claims.token_id, "preferred_username": claims.username}
    assert left.get(claim, "") == ""
    assert claims.groups in (frozenset(), frozenset({"x"}))
