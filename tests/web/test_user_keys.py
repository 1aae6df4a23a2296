"""API keys of users (acceptance 27), and the one key that Open WebUI knows of."""

import re
from datetime import UTC, datetime

import pytest

from llmwrap.storage import users
from llmwrap.storage.api_keys import add_key
from tests.web.guarded import KEY, basic
from tests.web.manned import MODEL, Manned, bearer
from tests.web.surface import Body, refusal

PLACES = ("", "/llm", "/api/llm")
FIELDS = {
    "id",
    "name",
    "prefix",
    "suffix",
    "scopes",
    "status",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
}


@pytest.fixture
def own(manned: Manned) -> dict[str, str]:
    """The session of a user who has no keys yet."""
    return manned.sign_in(manned.add().username)


def listed(manned: Manned, headers: dict[str, str], query: str = "") -> list[Body]:
    answer = manned.gateway.get(f"/auth/api-keys{query}", headers=headers)
    assert answer.status_code == 200
    assert set(answer.json()) == {"items"}
    return list(answer.json()["items"])


@pytest.mark.parametrize("place", PLACES)
def test_life_of_a_key(manned: Manned, own: dict[str, str], place: str) -> None:
    """Acceptance 27."""
    path = f"{place}/auth/api-keys"
    made = manned.gateway.post(path, {"name": "laptop"}, headers=own)
    assert made.status_code == 201
    key = made.json()
    assert set(key) == FIELDS | {"key"}
    assert re.fullmatch("sk_live_[0-9a-f]{48}", key["key"])
    assert (key["prefix"], key["suffix"]) == ("sk_live_", key["key"][-4:])
    assert (key["name"], key["status"]) == ("laptop", "active")
    (item,) = listed(manned, own)
    assert set(item) == FIELDS
    assert item == {name: key[name] for name in FIELDS}
    for headers in (
        bearer(key["key"]),
        {"x-api-key": key["key"]},
        {"api-key": key["key"]},
        basic("whoever", key["key"]),
        basic(key["key"], ""),
    ):
        answer = manned.gateway.get("/v1/models", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["X-Auth-Method"] == "apikey"
    ended = manned.gateway.request("DELETE", f"{path}/{key['id']}", headers=own)
    assert (ended.status_code, ended.content) == (204, b"")
    assert manned.status(bearer(key["key"])) == 401
    assert [each["status"] for each in listed(manned, own)] == ["revoked"]
    again = manned.gateway.request("DELETE", f"{path}/{key['id']}", headers=own)
    assert refusal(again, 404)


def test_a_key_lives_as_long_as_was_asked(manned: Manned, own: dict[str, str]) -> None:
    key = manned.new_key(own, expires_in=60)
    read = [datetime.fromisoformat(key[name]) for name in ("created_at", "expires_at")]
    assert 59 <= (read[1] - read[0]).total_seconds() <= 61
    assert manned.new_key(own)["expires_at"] > key["expires_at"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{bad", None),
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "expires_in": 0}, "expires_in"),
        ({"name": "x", "expires_in": -1}, "expires_in"),
        ({"name": "x", "expires_in": 1.5}, "expires_in"),
        ({"name": "x", "expires_in": "60"}, "expires_in"),
        ({"name": "x", "expires_in": True}, "expires_in"),
        ({"name": "x", "expires_in": 7_776_001}, "expires_in"),
        ({"name": "x", "expires_in": 10**30}, "expires_in"),
        ({"name": "x", "scopes": ["chat"]}, "scopes"),
        ({"name": "x", "scopes": {"services": ["nope"]}}, "scopes.services.0"),
        ({"name": "x", "scopes": {"services": []}}, "scopes.services"),
        ({"name": "x", "scopes": {"models": [1]}}, "scopes.models.0"),
        ({"name": "x", "scopes": {"groups": ["admin"]}}, "scopes.groups"),
        ({"name": "x", "user_id": "root"}, "user_id"),
        ({"name": "x", "key": "sk_live_0"}, "key"),
        ({"name": "x", "rate": "1000/second"}, "rate"),
        ({"name": "x", "created_at": "1970-01-01"}, "created_at"),
        ({"name": "x", "key_hash": "0"}, "key_hash"),
    ],
)
def test_nothing_else_can_be_asked_of_a_key(
    manned: Manned, own: dict[str, str], body: object, param: str | None
) -> None:
    """Mass assignment among them (reliability row 69)."""
    answer = manned.gateway.post("/auth/api-keys", body, headers=own)
    assert refusal(answer, 400)["param"] == param
    assert listed(manned, own) == []


def test_there_are_so_many_active_keys(manned: Manned, own: dict[str, str]) -> None:
    keys = [manned.new_key(own) for _ in range(3)]
    answer = manned.gateway.post("/auth/api-keys", {"name": "x"}, headers=own)
    assert refusal(answer, 400)
    path = f"/auth/api-keys/{keys[0]['id']}"
    manned.gateway.request("DELETE", path, headers=own)
    assert manned.new_key(own)


def test_keys_are_listed_in_pages(manned: Manned, own: dict[str, str]) -> None:
    made = [manned.new_key(own)["id"] for _ in range(3)]
    first = listed(manned, own, "?limit=2")
    rest = listed(manned, own, f"?limit=2&after={first[-1]['id']}")
    assert [key["id"] for key in (*first, *rest)] == made
    for limit in ("0", "101", "x", "-1", "²", "", "%00"):
        answer = manned.gateway.get(f"/auth/api-keys?limit={limit}", headers=own)
        assert refusal(answer, 400)["param"] == "limit"


def test_a_page_of_5000_digits_is_refused(manned: Manned, own: dict[str, str]) -> None:
    """More than Python makes a number of; gunicorn takes no line that is so long."""
    path = f"/auth/api-keys?limit={'1' * 5000}"
    assert manned.gateway.get(path, headers=own).status_code in (400, 414)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_key_cannot_manage_keys(
    manned: Manned, own: dict[str, str], method: str
) -> None:
    key = manned.new_key(own)
    path = "/auth/api-keys" + (f"/{key['id']}" if method == "DELETE" else "")
    for secret in (key["key"], KEY):
        answer = manned.gateway.request(
            method, path, headers=bearer(secret), data=b'{"name": "x"}'
        )
        assert refusal(answer, 403)["code"] == "forbidden"
    assert manned.status(bearer(key["key"])) == 200


def test_keys_of_others_are_not_there(manned: Manned, own: dict[str, str]) -> None:
    """Reliability row 68: no difference from a key that does not exist."""
    key = manned.new_key(own)
    for who in (manned.sign_in(manned.add().username), basic("root")):
        paths = (f"/auth/api-keys/{key['id']}", "/auth/api-keys/none")
        answers = [
            manned.gateway.request("DELETE", path, headers=who) for path in paths
        ]
        messages = {refusal(each, 404)["message"].split("'")[0] for each in answers}
        assert len(messages) == 1
        assert listed(manned, who) == []
    assert manned.status(bearer(key["key"])) == 200


def test_a_predefined_user_and_a_guest_have_keys_too(manned: Manned) -> None:
    guest = manned.guest()
    for headers, name in (
        (basic("alice"), "alice"),
        (bearer(guest["access_token"]), guest["username"]),
    ):
        key = manned.new_key(headers)
        answer = manned.gateway.get("/v1/models", headers=bearer(key["key"]))
        assert answer.headers["X-User-Username"] == name
        path = f"/auth/api-keys/{key['id']}"
        gone = manned.gateway.request("DELETE", path, headers=headers)
        assert gone.status_code == 204


def test_a_predefined_user_has_keys_whoever_has_the_name(manned: Manned) -> None:
    """A guest may have taken the name before the configuration had it."""
    other = manned.add(username="frank", email="")
    key = manned.new_key(basic("frank"))
    answer = manned.gateway.get("/v1/models", headers=bearer(key["key"]))
    assert answer.headers["X-User-Username"] == "frank"
    assert answer.headers["X-User-ID"] != other.id
    assert [each["id"] for each in listed(manned, basic("frank"))] == [key["id"]]
    manned.change(users.delete_user, other.id)


def test_a_user_who_was_removed_a_moment_ago_makes_no_key(manned: Manned) -> None:
    user = manned.add()
    headers = manned.sign_in(user.username)
    assert listed(manned, headers) == []
    manned.change(users.delete_user, user.id)
    answer = manned.gateway.post("/auth/api-keys", {"name": "x"}, headers=headers)
    assert refusal(answer, 401)


def test_a_limited_key_says_so_and_opens_no_more(
    manned: Manned, own: dict[str, str]
) -> None:
    scopes = {"services": ["chat"], "models": [MODEL]}
    key = manned.new_key(own, scopes=scopes)
    assert key["scopes"] == scopes
    there = manned.gateway.get("/chat/v1/models", headers=bearer(key["key"]))
    assert [entry["id"] for entry in there.json()["data"]] == [MODEL]
    assert there.headers["X-Scopes"] == f"service:chat model:{MODEL}"
    elsewhere = manned.gateway.get("/api/v1/models", headers=bearer(key["key"]))
    assert elsewhere.json()["data"] == []
    other = manned.new_key(own, scopes={"models": ["other"]})
    assert refusal(manned.chat(bearer(other["key"])), 404)


def test_a_key_and_a_session_of_one_user_agree(
    manned: Manned, own: dict[str, str]
) -> None:
    """Acceptance 29."""
    key = manned.new_key(own)["key"]
    assert manned.status(own | {"x-api-key": key}) == 200
    assert manned.status(basic("root") | {"x-api-key": key}) == 401
    assert manned.status(bearer(KEY) | {"x-api-key": key}) == 401


def test_a_key_is_validated_for_a_proxy(manned: Manned) -> None:
    user = manned.add(name="Bea van B.", groups=("user", "reader"))
    key = manned.new_key(manned.sign_in(user.username))["key"]
    for place in PLACES:
        path = f"{place}/auth/validate-api-key"
        answer = manned.gateway.post(path, {"api_key": key})
        assert answer.status_code == 200
        assert answer.json() == {
            "user_id": user.id,
            "subject": user.id,
            "username": user.username,
            "email": user.email,
            "first_name": "Bea",
            "last_name": "van B.",
            "roles": ["reader", "user"],
        }
    path = "/auth/validate-api-key"
    for bad in ("nope", key[:-1], key.upper(), "sk_live_" + "0" * 48):
        assert refusal(manned.gateway.post(path, {"api_key": bad}), 401)
    for body in ({}, {"api_key": 1}, {"api_key": ""}, {"api_key": key, "x": 1}):
        assert refusal(manned.gateway.post(path, body), 400)


def test_the_default_key(manned: Manned, own: dict[str, str]) -> None:
    """The routes of Open WebUI; a stored key cannot be shown again, so its ends are."""
    path = "/api/v1/auths/api_key"
    assert refusal(manned.gateway.get(path, headers=own), 404)
    first = manned.gateway.request("POST", path, headers=own).json()["api_key"]
    second = manned.gateway.request("POST", path, headers=own).json()["api_key"]
    assert manned.status(bearer(first)) == 401
    assert manned.status(bearer(second)) == 200
    shown = manned.gateway.get(path, headers=own).json()
    assert shown == {"api_key": f"sk_live_...{second[-4:]}"}
    ended = manned.gateway.request("DELETE", path, headers=own)
    assert (ended.status_code, ended.json()) == (200, True)
    assert manned.status(bearer(second)) == 401
    assert refusal(manned.gateway.get(path, headers=own), 404)


def test_an_expired_key_says_so_in_the_list(manned: Manned) -> None:
    user = manned.add()
    with manned.database.writing() as session:
        add_key(
            session,
            user_id=user.id,
            name="old",
            key_hash=f"of {user.id}",
            prefix="sk_live_",
            suffix="0000",
            scopes=None,
            expires_at=datetime(2020, 1, 1, tzinfo=UTC),
        )
    (item,) = listed(manned, manned.sign_in(user.username))
    assert (item["status"], item["expires_at"]) == ("expired", "2020-01-01T00:00:00Z")


def test_pattern_may_not_have_any_number_of_wildcards(
    manned: Manned, own: dict[str, str]
) -> None:
    """Each is a walk over every name that is asked for."""
    for stars, status in ((8, 201), (9, 400)):
        body = {"name": "x", "scopes": {"models": ["*a" * stars]}}
        answer = manned.gateway.post("/auth/api-keys", body, headers=own)
        assert answer.status_code == status
