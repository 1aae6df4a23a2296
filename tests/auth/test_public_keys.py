"""A JWK Set: which keys are taken, and what each is for."""

import json

import pytest

from llmwrap.auth.public_keys import NoKeys, read_jwks
from tests.auth import issuer
from tests.auth.issuer import ED, P256, P384, P521, RSA, jwk, jwks

USABLE = {
    "rsa": (jwk(RSA), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "rsa for one algorithm": (jwk(RSA, alg="PS256"), {"PS256"}),
    "p-256": (jwk(P256), {"ES256"}),
    "p-384": (jwk(P384), {"ES384"}),
    "p-521": (jwk(P521), {"ES512"}),
    "ed25519": (jwk(ED), {"EdDSA"}),
    "for signatures": (jwk(RSA, use="sig", alg="RS256", key_ops=["verify"]), {"RS256"}),
    "without a name": (jwk(RSA, kid=None, alg="RS256"), {"RS256"}),
    "with certificates": (jwk(RSA, alg="RS256", x5c=["MII"], x5t="x"), {"RS256"}),
}


@pytest.mark.parametrize("name", USABLE)
def test_a_key_says_which_algorithms_it_is_for(name):
    entry, algorithms = USABLE[name]
    (key,) = read_jwks(jwks(entry))
    assert (key.kid, key.algorithms) == (entry.get("kid"), algorithms)


UNUSABLE = {
    "for encryption": jwk(RSA, use="enc"),
    "Keycloak's for encryption": jwk(RSA, use="enc", alg="RSA-OAEP"),
    "not for verifying": jwk(RSA, key_ops=["encrypt"]),
    "key_ops no list": jwk(RSA, key_ops="verify"),
    "algorithm of another type": jwk(RSA, alg="ES256"),
    "algorithm of a shared secret": jwk(RSA, alg="HS256"),
    "algorithm none": jwk(RSA, alg="none"),
    "algorithm no text": jwk(RSA, alg=1),
    "shared secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"},
    "koblitz curve": jwk(issuer.KOBLITZ),
    "curve no text": jwk(P256, crv=["P-256"]),
    "curve of another key": jwk(P256, crv="P-384"),
    "no type": {"kid": "x", "n": "AQAB", "e": "AQAB"},
    "type no text": jwk(RSA, kty=["RSA"]),
    "private": jwk(RSA, d="AQAB"),
    "number cut": jwk(RSA, n="!!"),
    "number missing": {"kty": "RSA", "kid": "x", "e": "AQAB"},
    "number no text": jwk(RSA, n=7),
    "exponent null": jwk(RSA, e=None),
    "point off the curve": jwk(P256, x=jwk(P256)["y"]),
    "point missing": {"kty": "EC", "crv": "P-256", "kid": "x"},
    "ed25519 too short": jwk(ED, x="AAAA"),
    "name no text": jwk(RSA, kid=7),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_key_that_cannot_be_used_is_left_out_and_the_others_stay(name):
    keys = read_jwks(jwks(UNUSABLE[name], jwk(RSA, "good")))
    assert [key.kid for key in keys] == ["good"]
    with pytest.raises(NoKeys):
        read_jwks(jwks(UNUSABLE[name]))


def test_entries_that_are_no_keys_are_left_out():
    body = json.dumps({"keys": [None, 1, "x", [], {}, jwk(RSA)]}).encode()
    assert len(read_jwks(body)) == 1
