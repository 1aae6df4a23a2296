"""Users of the database and their sessions, and what answers say of who asked."""

import pytest

from llmwrap.storage import users
from tests.gateway import Gateway
from tests.web.guarded import KEY, basic
from tests.web.manned import Headers, Manned, bearer, within
from tests.web.surface import PREFIXES, refusal

SOON_S = 8
"""Known within 5 s, and a machine may be busy."""

NEW = "another passwörd"
TOLD = ("x-auth-", "x-user-", "x-principal-", "x-scopes")


def test_a_user_of_the_database_gets_in_everywhere(manned: Manned) -> None:
    user = manned.add()
    session = manned.sign_in(user.email.upper())
    for headers in (session, basic(user.username)):
        for prefix in PREFIXES:
            answer = manned.gateway.get(f"{prefix}/models", headers=headers)
            assert answer.status_code == 200
        assert manned.chat(headers).status_code == 200


def test_a_user_of_the_database_needs_the_right_password(manned: Manned) -> None:
    user = manned.add()
    bad = [basic(user.username, "nope"), basic(user.email), basic(user.username, "")]
    assert {manned.status(headers) for headers in bad} == {401}
    wrong = {"email": user.email, "password": "nope"}
    unknown = {"email": "nobody@example.com", "password": "nope"}
    path = "/api/v1/auths/signin"
    answers = [manned.gateway.post(path, body) for body in (wrong, unknown)]
    assert answers[0].status_code == 401
    assert answers[0].json() == answers[1].json()


def test_who_loses_access_loses_it_soon_everywhere(manned: Manned) -> None:
    people = blocked, disabled, deleted = [manned.add() for _ in range(3)]
    sessions = [manned.sign_in(user.username) for user in people]
    keys = [bearer(manned.new_key(session)["key"]) for session in sessions]
    passwords = [basic(user.username) for user in people]

    def statuses(credentials: list[Headers]) -> list[int]:
        return [manned.status(each) for each in credentials]

    assert statuses(sessions + keys + passwords) == [200] * 9
    manned.change(users.add_group, blocked.id, "blocked")
    manned.change(users.set_status, disabled.id, "disabled")
    manned.change(users.delete_user, deleted.id)
    assert within(SOON_S, lambda: statuses(sessions) == [403, 401, 401])
    assert statuses(keys + passwords) == [403, 401, 401] * 2
    for user in people:
        body = {"email": user.email, "password": "nope"}
        assert manned.gateway.post("/api/v1/auths/signin", body).status_code == 401
    manned.change(users.remove_group, blocked.id, "blocked")
    assert within(SOON_S, lambda: statuses(sessions) == [200, 401, 401])
    assert statuses(keys + passwords) == [200, 401, 401] * 2


def test_a_new_password_ends_every_session_before(manned: Manned) -> None:
    user = manned.add()
    before, also = manned.sign_in(user.email), manned.sign_in(user.email)
    path = "/api/v1/auths/update/password"
    for body, param in (
        ({"password": "nope", "new_password": NEW}, "password"),
        ({"password": "x", "new_password": NEW, "role": "admin"}, "role"),
        ({"new_password": NEW}, "password"),
        ({"password": "x"}, "new_password"),
    ):
        answer = manned.gateway.post(path, body, headers=before)
        assert refusal(answer, 400)["param"] == param
    body = {"password": "pass:word wörd", "new_password": NEW}
    answer = manned.gateway.post(path, body, headers=before)
    assert answer.status_code == 200
    after = bearer(answer.json()["token"])
    assert [manned.status(each) for each in (before, also, after)] == [401, 401, 200]
    assert manned.status(basic(user.username)) == 401
    assert manned.status(basic(user.username, NEW)) == 200


def test_a_predefined_password_is_not_changed_here(manned: Manned) -> None:
    body = {"password": "pass:word wörd", "new_password": NEW}
    path = "/api/v1/auths/update/password"
    answer = manned.gateway.post(path, body, headers=basic("alice"))
    assert refusal(answer, 403)
    assert manned.status(basic("alice")) == 200


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/auth/logout", {"status": "logged out"}),
        ("POST", "/llm/auth/logout", {"status": "logged out"}),
        ("GET", "/api/llm/auth/logout", {"status": "logged out"}),
        ("GET", "/api/v1/auths/signout", {"status": True}),
    ],
)
def test_leaving_ends_this_session_and_no_other(
    manned: Manned, method: str, path: str, told: dict
) -> None:
    mine, other = manned.sign_in("alice"), manned.sign_in("alice")
    answer = manned.gateway.request(method, path, headers=mine)
    assert (answer.status_code, answer.json()) == (200, told)
    assert [manned.status(mine), manned.status(other)] == [401, 200]
    assert manned.gateway.request(method, path, headers=mine).status_code == 401


@pytest.mark.parametrize("path", ["/auth/logout", "/api/v1/auths/signout"])
def test_head_ends_no_session(manned: Manned, path: str) -> None:
    mine = manned.sign_in("alice")
    head = manned.gateway.request("HEAD", path, headers=mine)
    assert (head.status_code, head.headers["Allow"]) == (405, "GET, POST")
    assert manned.status(mine) == 200


def test_leaving_by_a_password_or_key_is_no_error(manned: Manned) -> None:
    for headers in (basic("alice"), bearer(KEY)):
        assert manned.gateway.get("/auth/logout", headers=headers).status_code == 200
        assert manned.status(headers) == 200


@pytest.mark.parametrize("path", ["/api/v1/auths", "/api/v1/auths/"])
def test_the_own_session(manned: Manned, path: str) -> None:
    headers = manned.sign_in("root")
    body = manned.gateway.get(path, headers=headers).json()
    assert body["token"] == headers["Authorization"].removeprefix("Bearer ")
    assert body["expires_at"] > 1_700_000_000
    assert (body["name"], body["role"], body["email"]) == (
        "root",
        "admin",
        "root@example.com",
    )
    by_password = manned.gateway.get(path, headers=basic("alice")).json()
    assert (by_password["token"], by_password["expires_at"]) == ("", None)
    assert (by_password["role"], by_password["id"] != "") == ("user", True)


@pytest.mark.parametrize("place", ["", "/llm", "/api/llm"])
def test_who_am_i(manned: Manned, place: str) -> None:
    path = f"{place}/auth/me"
    for headers, method in (
        (basic("alice"), "basic"),
        (manned.sign_in("alice"), "jwt"),
        (bearer(KEY), "apikey"),
    ):
        body = manned.gateway.get(path, headers=headers).json()
        assert body["auth_method"] == method
        assert set(body) == {
            "id",
            "username",
            "email",
            "subject",
            "auth_method",
            "name",
        }
    assert refusal(manned.gateway.get(path), 401)
    assert refusal(manned.gateway.get(path, headers=basic("bob")), 403)


def test_answers_say_who_asked(manned: Manned) -> None:
    user = manned.add(username="zoë", email="zoë@example.com")
    for headers, method in (
        (manned.sign_in("zoë"), "jwt"),
        (basic("zoë"), "basic"),
    ):
        for answer in (
            manned.gateway.get("/v1/models", headers=headers),
            manned.chat(headers),
            manned.chat(headers, stream=True),
            manned.gateway.post("/v1/chat/completions", b"{bad", headers=headers),
        ):
            answer.close()
            told = {
                name.lower(): value
                for name, value in answer.headers.items()
                if name.lower().startswith(TOLD)
            }
            assert told == {
                "x-auth-method": method,
                "x-user-id": user.id,
                "x-user-subject": user.id,
                "x-user-username": "zo%C3%AB",
                "x-user-email": "zo%C3%AB@example.com",
                "x-principal-id": user.id,
            }


def test_claims_in_headers_are_believed_by_nobody(manned: Manned) -> None:
    """Acceptance 30."""
    claims = {
        "X-User-ID": "root",
        "X-Auth-Method": "jwt",
        "X-User-Subject": "root",
        "X-User-Username": "root",
        "X-User-Email": "root@example.com",
        "X-Principal-Id": "root",
        "X-Scopes": "admin",
    }
    refused = manned.gateway.get("/v1/models", headers=claims)
    assert refusal(refused, 401)
    assert "X-User-ID" not in refused.headers
    answer = manned.gateway.get("/v1/models", headers=claims | basic("alice"))
    assert answer.headers["X-User-Username"] == "alice"
    assert answer.headers["X-Auth-Method"] == "basic"
    assert "X-Scopes" not in answer.headers


def test_open_gateway_tells_nobody_who_they_are(shared_gateway: Gateway) -> None:
    answer = shared_gateway.get("/v1/models", headers={"X-User-ID": "root"})
    assert not [name for name in answer.headers if name.lower().startswith("x-user")]
    assert shared_gateway.get("/auth/me").json()["auth_method"] == "none"
    made = shared_gateway.post("/auth/api-keys", {"name": "x"})
    assert refusal(made, 403)


def test_secrets_are_in_no_log(manned: Manned) -> None:
    guest = manned.guest()
    session = manned.sign_in("alice")
    key = manned.new_key(session)
    manned.gateway.post("/auth/refresh", {"refresh_token": guest["refresh_token"]})
    manned.gateway.post("/auth/validate-api-key", {"api_key": key["key"]})
    manned.gateway.request("DELETE", f"/auth/api-keys/{key['id']}", headers=session)
    log = manned.gateway.log()
    for secret in (
        guest["access_token"],
        guest["refresh_token"],
        session["Authorization"].removeprefix("Bearer "),
        key["key"],
        NEW,
    ):
        assert secret not in log
