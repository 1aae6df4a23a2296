"""Guests and their tokens (acceptance 23-26)."""

import pytest

from tests.gateway import Gateway
from tests.web.guarded import basic
from tests.web.manned import Manned, bearer
from tests.web.surface import PREFIXES, refusal

PLACES = ("", "/llm", "/api/llm")


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("", {}),
        ("/llm", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
        ("/api/llm", {"data": b"{}"}),
        ("/llm", {"headers": {"Content-Type": "application/json"}}),
    ],
)
def test_anybody_gets_a_guest_account(
    manned: Manned, place: str, options: dict
) -> None:
    """Acceptance 23."""
    answer = manned.gateway.request("POST", f"{place}/auth/guest-login", **options)
    assert answer.status_code == 200
    body = answer.json()
    assert body["access_token"].startswith("eyJ")
    assert body["refresh_token"].startswith("rt_")
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    assert body["user_id"] == body["principal_id"]
    assert body["username"].startswith("guest-")
    assert set(body) == {
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "user_id",
        "principal_id",
        "username",
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{bad", None),
        (b"[]", None),
        ({"username": "root"}, "username"),
        ({"groups": ["admin"]}, "groups"),
    ],
)
def test_a_guest_cannot_choose_anything(
    manned: Manned, body: object, param: str | None
) -> None:
    answer = manned.gateway.post("/llm/auth/guest-login", body)
    assert refusal(answer, 400)["param"] == param


@pytest.mark.parametrize("place", PLACES)
def test_guests_are_403_where_they_are_not_enabled(
    guarded: Gateway, place: str
) -> None:
    answer = guarded.request("POST", f"{place}/auth/guest-login")
    assert refusal(answer, 403)["code"] == "forbidden"


def test_guest_token_opens_every_prefix(manned: Manned) -> None:
    """Acceptance 24."""
    guest = manned.guest()
    headers = bearer(guest["access_token"])
    for prefix in PREFIXES:
        answer = manned.gateway.get(f"{prefix}/models", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["X-Auth-Method"] == "jwt"
        assert answer.headers["X-Principal-Id"] == guest["user_id"]
    assert manned.chat(headers).status_code == 200


def test_head_does_not_use_a_refresh_token_up(manned: Manned) -> None:
    token = manned.guest()["refresh_token"]
    path = "/auth/refresh-token"
    head = manned.gateway.request("HEAD", path, **_sent("cookie", token))
    assert (head.status_code, head.headers["Allow"]) == (405, "GET, POST")
    assert manned.gateway.get(path, **_sent("cookie", token)).status_code == 200


def test_refresh_token_is_taken_from_everywhere_and_good_once(manned: Manned) -> None:
    """Acceptance 26; each way uses the token that the one before gave."""
    token = manned.guest()["refresh_token"]
    first = token
    ways = [
        ("POST", "/auth/refresh-token", "body"),
        ("POST", "/llm/auth/refresh", "cookie"),
        ("GET", "/api/llm/auth/refresh-token", "cookie"),
        ("GET", "/llm/auth/refresh-token", "header"),
        ("POST", "/auth/refresh", "header"),
    ]
    for method, path, way in ways:
        answer = manned.gateway.request(method, path, **_sent(way, token))
        assert answer.status_code == 200, (path, way, answer.text)
        body = answer.json()
        assert set(body) == {
            "access_token",
            "refresh_token",
            "token_type",
            "expires_in",
            "expires_at",
        }
        assert body["expires_at"].endswith("Z")
        assert manned.status(bearer(body["access_token"])) == 200
        token = body["refresh_token"]
    for used in (first, token):
        answer = manned.gateway.post("/auth/refresh", {"refresh_token": used})
        assert refusal(answer, 401)["code"] == "invalid_api_key"


def _sent(way: str, token: str) -> dict:
    if way == "cookie":
        return {"headers": {"Cookie": f"refresh_token={token}"}}
    if way == "header":
        return {"headers": bearer(token)}
    return {"data": f'{{"refresh_token": "{token}"}}'}


def test_a_token_in_the_body_goes_before_the_others(manned: Manned) -> None:
    token = manned.guest()["refresh_token"]
    headers = {"Cookie": "refresh_token=rt_other", **bearer("an expired access token")}
    answer = manned.gateway.post(
        "/auth/refresh-token", {"refresh_token": token}, headers=headers
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_refresh_token_is_400(manned: Manned, place: str, method: str) -> None:
    for path in ("refresh-token", "refresh"):
        answer = manned.gateway.request(method, f"{place}/auth/{path}")
        assert refusal(answer, 400)["param"] == "refresh_token"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"refresh_token": "rt_unknown"}, 401),
        ({"refresh_token": 1}, 400),
        ({"refresh_token": ["rt_x"]}, 400),
        ({"refresh_token": "rt_x", "user_id": "root"}, 400),
        (b"{bad", 400),
    ],
)
def test_bad_refresh_is_refused(manned: Manned, body: object, status: int) -> None:
    refusal(manned.gateway.post("/auth/refresh-token", body), status)


def test_revoked_refresh_token_is_401_and_revoking_needs_nothing_else(
    manned: Manned,
) -> None:
    token = manned.guest()["refresh_token"]
    for _ in range(2):
        answer = manned.gateway.post("/llm/auth/revoke", {"refresh_token": token})
        assert (answer.status_code, answer.json()) == (200, {"status": "revoked"})
    answer = manned.gateway.post("/auth/refresh", {"refresh_token": token})
    assert answer.status_code == 401
    assert refusal(manned.gateway.post("/auth/revoke", {}), 400)


def test_access_and_refresh_tokens_are_no_use_for_each_other(manned: Manned) -> None:
    guest = manned.guest()
    access, refresh = guest["access_token"], guest["refresh_token"]
    assert manned.status(bearer(refresh)) == 401
    assert manned.status({"x-api-key": refresh}) == 401
    answer = manned.gateway.post("/auth/refresh", {"refresh_token": access})
    assert answer.status_code == 401


def test_upgraded_guest_stays_the_same_user(manned: Manned) -> None:
    guest = manned.guest()
    headers = bearer(guest["access_token"])
    names = {
        "username": "new-name",
        "email": "new@example.com",
        "full_name": "New Name",
    }
    taken = names | {"username": "alice"}
    for body, param in (
        (names | {"role": "admin"}, "role"),
        (names | {"user_id": "x"}, "user_id"),
        (names | {"email": "no address"}, "email"),
        (names | {"username": "a:b"}, "username"),
        (names | {"username": ""}, "username"),
        (names | {"username": manned.add().id}, "username"),
        (names | {"username": "USR_1"}, "username"),
        (names | {"username": "ceo@corp.example"}, "username"),
        ({"username": "new-name"}, "email"),
        (taken, "username"),
    ):
        answer = manned.gateway.post("/auth/upgrade", body, headers=headers)
        assert refusal(answer, 400)["param"] == param
    answer = manned.gateway.post("/llm/auth/upgrade", names, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "upgraded"})
    assert manned.gateway.get("/auth/me", headers=headers).json() == {
        "id": guest["user_id"],
        "username": "new-name",
        "email": "new@example.com",
        "subject": guest["user_id"],
        "auth_method": "jwt",
        "name": "New Name",
    }
    again = manned.gateway.post("/auth/upgrade", names, headers=headers)
    assert refusal(again, 400)


def test_leaving_ends_the_refresh_token_too(manned: Manned) -> None:
    guest, other = manned.guest(), manned.guest()
    headers = bearer(guest["access_token"])
    answer = manned.gateway.request("POST", "/auth/logout", headers=headers)
    assert answer.status_code == 200
    assert manned.status(headers) == 401
    for token, status in (
        (guest["refresh_token"], 401),
        (other["refresh_token"], 200),
    ):
        answer = manned.gateway.post("/auth/refresh", {"refresh_token": token})
        assert answer.status_code == status


def test_upgrade_is_for_guests(manned: Manned) -> None:
    names = {"username": "other-name", "email": "other@example.com"}
    for headers, status in ((basic("alice"), 400), ({}, 401), (basic("bob"), 403)):
        answer = manned.gateway.post("/auth/upgrade", names, headers=headers)
        assert refusal(answer, status)
