"""Who gets in, by which credential, to what; and the order of refusals (C05, C06)."""

from base64 import b64encode

import pytest

from tests.gateway import Gateway
from tests.web.guarded import KEY, LIMIT, PASSWORD, basic
from tests.web.surface import (
    GENERATING,
    POST_ROUTES,
    PREFIXES,
    Stage,
    body_for,
    chat_body,
    refusal,
)

GOOD = {
    "bearer": {"Authorization": f"Bearer {KEY}"},
    "bearer_in_lower_case": {"authorization": f"bearer {KEY}"},
    "bearer_in_upper_case": {"AUTHORIZATION": f"BEARER {KEY}"},
    "x_api_key": {"x-api-key": KEY},
    "x_api_key_in_upper_case": {"X-API-KEY": KEY},
    "api_key": {"api-key": KEY},
    "the_same_key_twice": {"Authorization": f"Bearer {KEY}", "x-api-key": KEY},
    "basic": basic("alice"),
    "admin": basic("root"),
}

BAD = {
    "none": {},
    "wrong_key": {"Authorization": "Bearer nope"},
    "wrong_x_api_key": {"x-api-key": KEY + "x"},
    "key_in_another_case": {"x-api-key": KEY.upper()},
    "empty_bearer": {"Authorization": "Bearer "},
    "bearer_alone": {"Authorization": "Bearer"},
    "two_spaces": {"Authorization": f"Bearer  {KEY}"},
    "empty_key": {"x-api-key": ""},
    "key_without_scheme": {"Authorization": KEY},
    "digest": {"Authorization": f"Digest {KEY}"},
    "no_base64": {"Authorization": "Basic !!!"},
    "no_colon": {"Authorization": "Basic " + b64encode(b"alice").decode()},
    "no_utf_8": {"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()},
    "wrong_password": basic("erin", "nope"),
    "empty_password": basic("alice", ""),
    "unknown_user": basic("eve"),
    "user_in_another_case": basic("Frank"),
    "good_and_bad_key": {"Authorization": f"Bearer {KEY}", "x-api-key": "nope"},
    "good_user_and_bad_key": basic("alice") | {"x-api-key": "nope"},
    "two_identities": basic("alice") | {"x-api-key": KEY},
    "forged_jwt": {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."},
    "claimed_identity": {"X-User-ID": "root", "X-Auth-Method": "jwt"},
    "query_like": {"X-Forwarded-User": "root", "Remote-User": "root"},
    "key_in_basic": basic("alice", "sk_live_" + "0" * 48),
    "key_as_name": basic("sk_live_" + "0" * 48, ""),
    "refresh_token": {"Authorization": "Bearer rt_" + "0" * 64},
    "basic_as_bearer": {
        "Authorization": f"Bearer {basic('alice')['Authorization'][6:]}"
    },
    "key_twice": {"x-api-key": f"{KEY},{KEY}"},
}

GUESSES = ("wrong_password", "unknown_user", "user_in_another_case")
"""After 15 of these a name is closed, so they are not tried on every route."""


@pytest.mark.parametrize("name", GOOD)
def test_good_credential_opens_every_prefix(
    guarded: Gateway, stage: Stage, name: str
) -> None:
    for prefix in PREFIXES:
        answer = guarded.get(f"{prefix}/models", headers=GOOD[name])
        assert answer.status_code == 200, prefix
    for route in POST_ROUTES:
        answer = guarded.post(route, body_for(route), headers=GOOD[name])
        assert answer.status_code == 200, route
    assert stage.asked == len(POST_ROUTES)


@pytest.mark.parametrize("name", BAD)
def test_bad_credential_is_401_everywhere(
    guarded: Gateway, stage: Stage, name: str
) -> None:
    answers = [
        guarded.get(f"{prefix}/models", headers=BAD[name]) for prefix in PREFIXES
    ]
    routes = POST_ROUTES[:4] if name in GUESSES else POST_ROUTES
    answers += [
        guarded.post(route, body_for(route), headers=BAD[name]) for route in routes
    ]
    for answer in answers:
        error = refusal(answer, 401)
        assert error["type"] == "authentication_error"
        assert error["code"] == "invalid_api_key"
        challenges = answer.headers["WWW-Authenticate"]
        assert 'Basic realm="llmwrap"' in challenges
        assert 'Bearer realm="llmwrap"' in challenges
    assert stage.asked == 0


def test_unknown_user_and_wrong_password_look_alike(guarded: Gateway) -> None:
    unknown, wrong = (
        guarded.get("/v1/models", headers=headers)
        for headers in (basic("eve"), basic("alice", "nope"))
    )
    assert unknown.json() == wrong.json()
    assert unknown.headers["WWW-Authenticate"] == wrong.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "path", ["/", "/health", "/healthz", "/readyz", "/health/liveliness"]
)
@pytest.mark.parametrize("name", ["none", "wrong_password", "no_base64"])
def test_probes_ask_for_no_credential(guarded: Gateway, path: str, name: str) -> None:
    assert guarded.get(path, headers=BAD[name]).status_code == 200


@pytest.mark.parametrize("prefix", PREFIXES)
def test_options_asks_for_no_credential(guarded: Gateway, prefix: str) -> None:
    assert guarded.request("OPTIONS", f"{prefix}/models").status_code == 200


def test_blocked_user_is_403_everywhere(guarded: Gateway, stage: Stage) -> None:
    answers = [
        guarded.get(f"{prefix}/models", headers=basic("bob")) for prefix in PREFIXES
    ]
    answers += [
        guarded.post(route, body, headers=basic("bob"))
        for route in POST_ROUTES
        for body in (body_for(route), b"", b"{bad")
    ]
    for answer in answers:
        error = refusal(answer, 403)
        assert error["type"] == "permission_error"
        assert error["code"] == "account_blocked"
    assert stage.asked == 0


@pytest.mark.parametrize("prefix", PREFIXES)
def test_member_of_another_group_may_list(guarded: Gateway, prefix: str) -> None:
    listed = guarded.get(f"{prefix}/models", headers=basic("carol"))
    assert listed.status_code == 200
    entry = listed.json()["data"][0]["id"]
    one = guarded.get(f"{prefix}/models/{entry}", headers=basic("carol"))
    assert one.status_code == 200


@pytest.mark.parametrize("route", POST_ROUTES)
def test_member_of_another_group_may_not_generate(
    guarded: Gateway, stage: Stage, route: str
) -> None:
    answer = guarded.post(route, body_for(route), headers=basic("carol"))
    assert refusal(answer, 403)["code"] == "forbidden"
    assert stage.asked == 0


@pytest.mark.parametrize("prefix", GENERATING)
def test_refusals_come_in_their_order(guarded: Gateway, prefix: str) -> None:
    """404 and 405 by route, 413, 401, 403, 400, then 404 for the model."""
    route = f"{prefix}/chat/completions"
    long = b"{bad" + b" " * LIMIT
    assert guarded.post(f"{prefix}/nope", long).status_code == 404
    assert guarded.request("PUT", route, data=long).status_code == 405
    assert guarded.post(route, long).status_code == 413
    assert guarded.post(route, b"{bad").status_code == 401
    assert guarded.post(route, b"{bad", headers=basic("bob")).status_code == 403
    assert guarded.post(route, b"{bad", headers=basic("alice")).status_code == 400
    wrong = chat_body(prefix, temperature=3) | {"model": "nope"}
    assert guarded.post(route, wrong, headers=basic("alice")).status_code == 400
    unknown = chat_body(prefix) | {"model": "nope"}
    assert guarded.post(route, unknown, headers=basic("alice")).status_code == 404


def test_no_secret_is_in_the_log(guarded: Gateway) -> None:
    guarded.get("/v1/models", headers=GOOD["bearer"])
    guarded.get("/v1/models", headers=BAD["two_identities"])
    for secret in (KEY, PASSWORD, b64encode(f"alice:{PASSWORD}".encode()).decode()):
        assert secret not in guarded.log()
