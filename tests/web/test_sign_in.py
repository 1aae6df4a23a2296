"""Signing in, and the token that comes of it (acceptance 47)."""

import pytest

from tests.gateway import Gateway
from tests.web.guarded import PASSWORD, basic
from tests.web.surface import PREFIXES, Body, Stage, chat_body, refusal


def sign_in(gateway: Gateway, body: object) -> "tuple[int, Body]":
    answer = gateway.post("/api/v1/auths/signin", body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@Example.COM", "alice"])
def test_token_of_a_sign_in_opens_every_prefix(
    guarded: Gateway, stage: Stage, email: str
) -> None:
    """Acceptance 47."""
    status, body = sign_in(guarded, {"email": email, "password": PASSWORD})
    assert status == 200
    assert body["token"].startswith("ey")
    assert body["token_type"] == "Bearer"
    assert body["user"]["email"] == "alice@example.com"
    assert body["user"]["id"] == body["id"] != ""
    headers = {"Authorization": f"Bearer {body['token']}"}
    for prefix in PREFIXES:
        assert guarded.get(f"{prefix}/models", headers=headers).status_code == 200
    answer = guarded.post("/v1/chat/completions", chat_body("/v1"), headers=headers)
    assert answer.status_code == 200


def test_token_that_was_tampered_with_is_401(guarded: Gateway) -> None:
    _, body = sign_in(guarded, {"email": "alice", "password": PASSWORD})
    head, claims, signature = body["token"].split(".")
    for forged in (f"{head}.{claims}.", f"{head}.{claims[:-2]}AA.{signature}"):
        headers = {"Authorization": f"Bearer {forged}"}
        assert refusal(guarded.get("/v1/models", headers=headers), 401)


def test_token_and_password_of_one_user_agree(guarded: Gateway) -> None:
    _, body = sign_in(guarded, {"email": "alice", "password": PASSWORD})
    for name, status in (("alice", 200), ("root", 401)):
        headers = basic(name) | {"x-api-key": body["token"]}
        assert guarded.get("/v1/models", headers=headers).status_code == status


def test_failed_sign_ins_look_alike(guarded: Gateway) -> None:
    wrong = sign_in(guarded, {"email": "alice", "password": "nope"})
    unknown = sign_in(guarded, {"email": "eve", "password": PASSWORD})
    assert wrong == unknown
    assert wrong[0] == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"{bad", None),
        ({}, "password"),
        ({"email": "alice"}, "password"),
        ({"password": "x"}, "email"),
        ({"email": 1, "password": "x"}, "email"),
        ({"email": "alice", "password": 1}, "password"),
        ({"email": "alice", "password": "x", "role": "admin"}, "role"),
    ],
)
def test_sign_in_that_is_no_sign_in_is_400(
    guarded: Gateway, body: object, param: str | None
) -> None:
    error = refusal(guarded.post("/api/v1/auths/signin", body), 400)
    assert error["param"] == param


def test_blocked_user_cannot_sign_in(guarded: Gateway) -> None:
    status, body = sign_in(guarded, {"email": "bob", "password": PASSWORD})
    assert (status, body["error"]["code"]) == (403, "account_blocked")
