"""Session tokens: what is issued is good until its end; every forgery is refused."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from llmwrap.auth.jwt_tokens import Claims, SessionTokens
from llmwrap.errors import Unauthenticated

KEY = b"k" * 32
NOW = 1_800_000_000
HEADER = '{"alg":"HS256","typ":"JWT"}'
CLAIMS = {
    "iss": "llmwrap",
    "aud": "llmwrap",
    "sub": "usr_1",
    "jti": "t1",
    "ver": 0,
    "iat": NOW,
    "exp": NOW + 3600,
}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header, payload, key=KEY, digest="sha256"):
    signed = f"{base64url(header.encode())}.{base64url(payload.encode())}"
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), digest))}"


def with_header(**changes):
    header = {"alg": "HS256", "typ": "JWT", **changes}
    return sign(json.dumps(header), json.dumps(CLAIMS))


def with_claims(**changes):
    return sign(HEADER, json.dumps({**CLAIMS, **changes}))


def without_claim(name):
    return sign(HEADER, json.dumps({k: v for k, v in CLAIMS.items() if k != name}))


def with_raw_claim(name, text):
    payload = json.dumps({**CLAIMS, name: "PLACE"}).replace('"PLACE"', text)
    return sign(HEADER, payload)


GOOD = sign(HEADER, json.dumps(CLAIMS))
HEAD, BODY, SIGNATURE = GOOD.split(".")
OTHER_BODY = with_claims(sub="usr_2").split(".")[1]


def unsigned(alg):
    header = json.dumps({"alg": alg, "typ": "JWT"})
    return f"{base64url(header.encode())}.{BODY}."


def test_a_token_signed_by_hand_is_good(tokens):
    """The control of the table below: each of its rows differs from this in one thing."""
    assert tokens.verify(GOOD) == Claims("usr_1", "t1", 0, NOW, NOW + 3600)


FORGED = {
    "alg none, no signature": unsigned("none"),
    "alg none, signed": with_header(alg="none"),
    "alg nOnE": unsigned("nOnE"),
    "alg NONE": unsigned("NONE"),
    "alg HS384": sign(
        '{"alg":"HS384","typ":"JWT"}', json.dumps(CLAIMS), digest="sha384"
    ),
    "alg HS512": sign(
        '{"alg":"HS512","typ":"JWT"}', json.dumps(CLAIMS), digest="sha512"
    ),
    "alg RS256": with_header(alg="RS256"),
    "alg hs256": with_header(alg="hs256"),
    "alg empty": with_header(alg=""),
    "alg null": with_header(alg=None),
    "alg list": with_header(alg=["HS256"]),
    "alg missing": sign('{"typ":"JWT"}', json.dumps(CLAIMS)),
    "typ missing": sign('{"alg":"HS256"}', json.dumps(CLAIMS)),
    "typ other": with_header(typ="at+jwt"),
    "crit unknown": with_header(crit=["exp"]),
    "crit b64": with_header(crit=["b64"], b64=True),
    "crit empty": with_header(crit=[]),
    "b64 false": with_header(crit=["b64"], b64=False),
    "jku": with_header(jku="https://keys.example/jwks"),
    "x5u": with_header(x5u="https://keys.example/cert"),
    "jwk": with_header(jwk={"kty": "oct", "k": base64url(KEY)}),
    "kid": with_header(kid="1"),
    "kid int": with_header(kid=1),
    "header a list": sign('["HS256"]', json.dumps(CLAIMS)),
    "header not JSON": sign("HS256", json.dumps(CLAIMS)),
    "header deep": sign("[" * 5000, json.dumps(CLAIMS)),
    "signature empty": f"{HEAD}.{BODY}.",
    "signature stripped": f"{HEAD}.{BODY}",
    "signature cut": GOOD[:-2],
    "signature longer": GOOD + "AA",
    "signature with another last letter": GOOD[:-1] + ("A" if GOOD[-1] != "A" else "E"),
    "signature of another token": f"{HEAD}.{OTHER_BODY}.{SIGNATURE}",
    "signature with other alphabet": f"{HEAD}.{BODY}.{'+' * 43}",
    "wrong key": sign(HEADER, json.dumps(CLAIMS), key=b"K" * 32),
    "empty key": sign(HEADER, json.dumps(CLAIMS), key=b""),
    "payload a list": sign(HEADER, "[]"),
    "payload not JSON": sign(HEADER, "{"),
    "payload not UTF-8": f"{HEAD}._w.{SIGNATURE}",
    "payload deep": sign(HEADER, "[" * 5000),
    "no exp": without_claim("exp"),
    "no iat": without_claim("iat"),
    "no iss": without_claim("iss"),
    "no aud": without_claim("aud"),
    "no sub": without_claim("sub"),
    "no jti": without_claim("jti"),
    "no ver": without_claim("ver"),
    "ver null": with_claims(ver=None),
    "ver string": with_claims(ver="0"),
    "ver float": with_claims(ver=0.0),
    "ver false": with_claims(ver=False),
    "ver list": with_claims(ver=[0]),
    "exp null": with_claims(exp=None),
    "exp string": with_claims(exp=str(NOW + 3600)),
    "exp float": with_claims(exp=NOW + 3600.5),
    "exp whole float": with_claims(exp=NOW + 3600.0),
    "exp true": with_claims(exp=True),
    "exp list": with_claims(exp=[NOW + 3600]),
    "exp NaN": with_raw_claim("exp", "NaN"),
    "exp Infinity": with_raw_claim("exp", "Infinity"),
    "exp 1e400": with_raw_claim("exp", "1e400"),
    "exp of 4000 digits": with_raw_claim("exp", "9" * 4000),
    "exp of 5000 digits": with_raw_claim("exp", "9" * 5000),
    "exp negative": with_claims(exp=-1),
    "exp before iat": with_claims(iat=NOW + 30, exp=NOW + 20),
    "exp a second too far": with_claims(exp=NOW + 3601),
    "exp in ten years": with_claims(exp=NOW + 315_360_000),
    "iat string": with_claims(iat=str(NOW)),
    "iat float": with_claims(iat=NOW + 0.5),
    "iat NaN": with_raw_claim("iat", "NaN"),
    "iat true": with_claims(iat=True),
    "iat in the future": with_claims(iat=NOW + 61),
    "iat negative": with_claims(iat=-1),
    "nbf in the future": with_claims(nbf=NOW + 61),
    "nbf string": with_claims(nbf=str(NOW)),
    "nbf null": with_claims(nbf=None),
    "iss prefix": with_claims(iss="llm"),
    "iss suffix": with_claims(iss="llmwrap.example"),
    "iss upper case": with_claims(iss="LLMWRAP"),
    "iss list": with_claims(iss=["llmwrap"]),
    "iss empty": with_claims(iss=""),
    "aud other": with_claims(aud="llmwrap-refresh"),
    "aud list": with_claims(aud=["llmwrap"]),
    "aud list of two": with_claims(aud=["llmwrap", "other"]),
    "aud object": with_claims(aud={"llmwrap": 1}),
    "aud empty": with_claims(aud=""),
    "sub empty": with_claims(sub=""),
    "sub int": with_claims(sub=1),
    "sub list": with_claims(sub=["usr_1"]),
    "jti int": with_claims(jti=1),
    "empty": "",
    "no dots": "eyJ",
    "one dot": "eyJ.eyJ",
    "only dots": "..",
    "four parts": GOOD + ".",
    "five parts": f"{GOOD}.AAAA.AAAA",
    "line feed at the end": GOOD + "\n",
    "space before": " " + GOOD,
    "twice": f"{GOOD},Bearer {GOOD}",
    "not ASCII": GOOD[:-1] + "é",
    "lone surrogate": GOOD[:-1] + "\ud800",
    "over 8 KiB": with_claims(pad="x" * 6000),
    "a megabyte": GOOD + "A" * 1_000_000,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(tokens, name):
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(FORGED[name])
    assert refused.value.message == "invalid session token"
    assert refused.value.code == "invalid_api_key"


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_after_the_good_one_was_seen(tokens, name):
    tokens.verify(GOOD)
    with pytest.raises(Unauthenticated):
        tokens.verify(FORGED[name])


@pytest.mark.parametrize(
    "token",
    [
        with_claims(iat=NOW + 60),
        with_claims(iat=NOW + 59, exp=NOW + 3659),
        with_claims(nbf=NOW + 60),
        with_claims(exp=NOW - 59, iat=NOW - 3659),
        with_claims(pad="x" * 5000),
    ],
)
def test_a_token_within_60_s_of_leeway_and_8_kib_is_good(tokens, token):
    assert tokens.verify(token).user_id == "usr_1"


def test_an_ended_token_has_a_code_of_its_own(tokens):
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(with_claims(iat=NOW - 3660, exp=NOW - 60))
    assert refused.value.code == "token_expired"
    assert refused.value.message == "the session token has expired"


def test_an_ended_token_with_a_bad_signature_is_just_invalid(tokens):
    ended = json.dumps({**CLAIMS, "iat": NOW - 7200, "exp": NOW - 3600})
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(sign(HEADER, ended, key=b"K" * 32))
    assert refused.value.code == "invalid_api_key"


def test_an_issued_token_is_good_until_its_end_and_the_leeway(tokens, users, clock):
    token, expires_at = tokens.issue(users.by_username("alice"))
    assert expires_at == NOW + 3600
    clock.now = NOW + 3659.9
    claims = tokens.verify(token)
    assert (claims.user_id, claims.issued_at, claims.expires_at) == (
        "usr_2bd806c97f0e00af1a1fc332",
        NOW,
        NOW + 3600,
    )


def test_a_remembered_token_does_not_outlive_its_end(tokens, users, clock):
    token, _ = tokens.issue(users.by_username("alice"))
    clock.now = NOW + 3659.9
    tokens.verify(token)
    clock.now = NOW + 3660
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(token)
    assert refused.value.code == "token_expired"


def test_a_token_is_read_once_in_60_s(tokens, clock):
    first = tokens.verify(GOOD)
    clock.now += 59.9
    assert tokens.verify(GOOD) is first
    clock.now += 0.1
    assert tokens.verify(GOOD) is not first


def test_the_whole_token_is_what_is_remembered(tokens):
    tokens.verify(GOOD)
    assert tokens.verify(with_claims(jti="t2")).token_id == "t2"


def test_an_issued_token_has_only_the_standard_header_and_claims(tokens, users):
    head, body, _ = tokens.issue(users.by_username("alice"))[0].split(".")
    assert base64.urlsafe_b64decode(head + "==") == b'{"alg":"HS256","typ":"JWT"}'
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert set(claims) == {"iss", "aud", "sub", "jti", "ver", "iat", "exp"}
    assert (claims["iss"], claims["aud"]) == ("llmwrap", "llmwrap")


def test_a_token_says_under_which_version_it_was_issued(tokens, users):
    alice = replace(users.by_username("alice"), token_version=7)
    assert tokens.verify(tokens.issue(alice)[0]).version == 7


def test_tokens_of_guests_have_a_life_of_their_own(users, clock):
    tokens = SessionTokens(KEY, 3600, 7200, clock)
    alice = users.by_username("alice")
    guest = replace(alice, is_guest=True)
    assert tokens.issue(alice)[1] == NOW + 3600
    assert tokens.issue(guest)[1] == NOW + 7200
    assert tokens.verify(tokens.issue(guest)[0]).expires_at == NOW + 7200


def test_two_tokens_of_one_second_have_two_ids(tokens, users):
    alice = users.by_username("alice")
    ids = {tokens.verify(tokens.issue(alice)[0]).token_id for _ in range(10)}
    assert len(ids) == 10


def test_a_token_of_another_key_is_refused(tokens, users, clock):
    stranger = SessionTokens(hashlib.sha256(b"other").digest(), 3600, 3600, clock)
    token, _ = stranger.issue(users.by_username("alice"))
    with pytest.raises(Unauthenticated, match=r"^invalid session token$"):
        tokens.verify(token)


def test_a_key_under_32_bytes_verifies_nothing(clock):
    short = SessionTokens(b"k" * 31, 3600, 3600, clock)
    with pytest.raises(Unauthenticated):
        short.verify(sign(HEADER, json.dumps(CLAIMS), key=b"k" * 31))
