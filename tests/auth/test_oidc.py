"""Tokens of an identity provider: the good ones tell who came, every forgery is refused."""

import pytest

from llmwrap.auth.oidc import OidcClaims, OidcTokens
from llmwrap.errors import Unauthenticated
from llmwrap.settings.values import Oidc
from tests.auth.issuer import (
    AUDIENCE,
    ED,
    GOOD,
    ISSUER,
    NOW,
    OTHER_RSA,
    P256,
    P384,
    P521,
    RSA,
    SET,
    SETTINGS,
    jwk,
    jwks,
    token,
)


@pytest.fixture
def oidc(clock):
    return OidcTokens(SETTINGS, lambda: SET, clock)


def test_a_token_tells_who_came(oidc):
    claims = oidc.verify(
        token(
            email="alice@example.com",
            email_verified=True,
            preferred_username="alice",
            name="Alice Zoë",
            groups=["/admin", "user", "", 7],
        )
    )
    assert claims == OidcClaims(
        issuer=ISSUER,
        subject="f:1:alice",
        issued_at=NOW,
        expires_at=NOW + 300,
        token_id="t1",
        email="alice@example.com",
        username="alice",
        name="Alice Zoë",
        groups=frozenset({"admin", "user"}),
    )


def test_a_token_needs_to_tell_no_more_than_whose_it_is_and_when_it_ends(oidc):
    claims = oidc.verify(token(jti=...))
    assert claims == OidcClaims(ISSUER, "f:1:alice", NOW, NOW + 300)


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "alice@example.com", "email_verified": False},
        {"email": "alice@example.com", "email_verified": "true"},
        {"email": ["alice@example.com"]},
        {"email": "alice@example.com\nBcc: all"},
        {"email": "a" * 321},
        {"preferred_username": {"a": 1}, "name": 7, "groups": "admin", "jti": 1},
    ],
)
def test_a_claim_that_is_not_good_text_is_left_out(oidc, changes):
    claims = oidc.verify(token(**{"jti": ..., **changes}))
    assert claims == OidcClaims(ISSUER, "f:1:alice", NOW, NOW + 300)


SIGNED = {
    "RS256": token(),
    "PS256": token(OTHER_RSA, "PS256", {"kid": "pss"}),
    "ES256": token(P256, "ES256", {"kid": "p256"}),
    "ES384": token(P384, "ES384", {"kid": "p384"}),
    "ES512": token(P521, "ES512", {"kid": "p521"}),
    "EdDSA": token(ED, "EdDSA", {"kid": "ed"}),
}


@pytest.mark.parametrize("name", SIGNED)
def test_every_kind_of_key_verifies(oidc, name):
    assert oidc.issued(SIGNED[name])
    assert oidc.verify(SIGNED[name]).subject == "f:1:alice"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS384", "PS512"])
def test_an_rsa_key_without_algorithm_verifies_all_of_its_kind(clock, algorithm):
    oidc = OidcTokens(SETTINGS, lambda: jwks(jwk(RSA)), clock)
    assert oidc.verify(token(RSA, algorithm)).subject == "f:1:alice"


ACCEPTED = {
    "aud list": token(aud=["account", AUDIENCE]),
    "aud list of one": token(aud=[AUDIENCE]),
    "typ at+jwt": token(header={"kid": "rsa-1", "typ": "at+jwt"}),
    "Keycloak's typ": token(typ="Bearer"),
    "jku is not heeded": token(header={"kid": "rsa-1", "jku": "https://evil.example"}),
    "x5u is not heeded": token(header={"kid": "rsa-1", "x5u": "https://evil.example"}),
    "jwk is not heeded": token(header={"kid": "rsa-1", "jwk": jwk(OTHER_RSA)}),
    "iat 60 s ahead": token(iat=NOW + 60),
    "nbf 60 s ahead": token(nbf=NOW + 60),
    "ended 59 s ago": token(iat=NOW - 359, exp=NOW - 59),
    "two days": token(exp=NOW + 172_800),
    "6 KiB, as Keycloak's can be": token(resource_access={"x": "y" * 4200}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_token_may_be_like_this(oidc, name):
    assert oidc.verify(ACCEPTED[name]).subject == "f:1:alice"


def test_an_ended_token_has_a_code_of_its_own(oidc):
    with pytest.raises(Unauthenticated) as refused:
        oidc.verify(token(iat=NOW - 360, exp=NOW - 60))
    assert refused.value.code == "token_expired"
    assert dict(refused.value.answer_headers())["WWW-Authenticate"]


def test_an_ended_token_of_a_stranger_is_just_invalid(oidc):
    with pytest.raises(Unauthenticated) as refused:
        oidc.verify(token(OTHER_RSA, iat=NOW - 360, exp=NOW - 60))
    assert refused.value.code == "invalid_api_key"


def test_a_token_without_kid_needs_a_set_with_one_key_that_fits(clock):
    nameless = token(header={})
    one = OidcTokens(SETTINGS, lambda: jwks(jwk(RSA), jwk(P256, "p256")), clock)
    two = OidcTokens(SETTINGS, lambda: jwks(jwk(RSA), jwk(OTHER_RSA, "2")), clock)
    assert one.verify(nameless).subject == "f:1:alice"
    with pytest.raises(Unauthenticated):
        two.verify(nameless)


def test_two_keys_of_one_name_are_no_key(clock):
    oidc = OidcTokens(SETTINGS, lambda: jwks(jwk(RSA), jwk(OTHER_RSA)), clock)
    with pytest.raises(Unauthenticated):
        oidc.verify(GOOD)


@pytest.mark.parametrize("settings", [Oidc(issuer=ISSUER), Oidc(audience=AUDIENCE)])
def test_nothing_is_good_without_an_issuer_and_an_audience(settings, clock):
    oidc = OidcTokens(settings, lambda: SET, clock)
    for each in (GOOD, token(iss="", aud=""), token(iss=..., aud=...)):
        with pytest.raises(Unauthenticated):
            oidc.verify(each)


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        (GOOD, True),
        (token(OTHER_RSA), True),
        (token(iss="llmwrap"), False),
        (token(iss=f"{ISSUER}/"), False),
        ("sk_live_0123", False),
        ("eyJ.eyJ.x", False),
        ("é.é.é", False),
        (token(pad="x" * 6000), False),
    ],
)
def test_a_token_says_where_it_comes_from(oidc, text, ours):
    assert oidc.issued(text) is ours


def test_tokens_of_other_issuers_make_nobody_ask_for_keys(clock):
    oidc = OidcTokens(SETTINGS, _never, clock)
    for each in (
        token(iss="llmwrap"),
        "eyJ.eyJ.x",
        token(header={"crit": []}),
    ):
        with pytest.raises(Unauthenticated):
            oidc.verify(each)


def _never() -> bytes:
    raise AssertionError("keys were asked for")


def test_a_token_is_read_once_in_60_s_and_not_beyond_its_end(oidc, clock):
    first = oidc.verify(GOOD)
    clock.now += 59.9
    assert oidc.verify(GOOD) is first
    clock.now += 0.1
    again = oidc.verify(GOOD)
    assert (again == first, again is first) == (True, False)
    clock.now = NOW + 359.9
    oidc.verify(GOOD)
    clock.now = NOW + 360
    with pytest.raises(Unauthenticated) as refused:
        oidc.verify(GOOD)
    assert refused.value.code == "token_expired"
