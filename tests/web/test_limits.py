"""Requests per minute at the HTTP surface: who is counted, what is told, what is refused."""

import time
from collections.abc import Iterator

import pytest

from tests.gateway import Gateway, serving
from tests.web.guarded import KEY, PASSWORD, basic
from tests.web.limited import Limited, limited
from tests.web.surface import PREFIXES, chat_body, refusal


@pytest.fixture(scope="module")
def ground(server: str) -> Iterator[Limited]:
    with limited(server) as made:
        yield made


def left(answer) -> int:
    return int(answer.headers["X-RateLimit-Remaining"])


def test_request_101_in_a_minute_is_429(ground: Limited) -> None:
    """Acceptance 40."""
    user, other = ground.newcomer(), ground.newcomer()
    remaining = []
    for _ in range(100):
        answer = ground.gateway.get("/v1/models", headers=user)
        assert answer.status_code == 200
        assert answer.headers["X-RateLimit-Limit"] == "100"
        remaining.append(left(answer))
    assert remaining == list(range(99, -1, -1))
    answer = ground.gateway.get("/v1/models", headers=user)
    error = refusal(answer, 429)
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert error["message"].startswith("the limit of 100 per minute (requests)")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["x-should-retry"] == "true"
    assert answer.headers["x-llmwrap-fault"] == "policy"
    assert left(answer) == 0
    assert ground.gateway.get("/v1/models", headers=other).status_code == 200
    for _ in range(200):
        assert ground.gateway.get("/healthz").status_code == 200


def test_every_kind_of_answer_tells_what_is_left(ground: Limited) -> None:
    user = ground.newcomer()
    began = time.time()
    answers = [
        ground.chat(user),
        ground.chat(user, stream=True),
        ground.chat(user, model="nobody-has-it"),
        ground.chat(user, temperature=9),
        ground.gateway.get("/chat/v1/models", headers=user),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 400, 200]
    assert [left(answer) for answer in answers] == [99, 98, 97, 96, 95]
    for answer in answers:
        told = answer.headers
        assert 0 < int(told["X-RateLimit-Reset"]) - began <= 61
        assert told["x-ratelimit-limit-requests"] == "100"
        assert told["x-ratelimit-remaining-requests"] == str(left(answer))
        assert told["x-ratelimit-reset-requests"] in ("1m0s", "59s", "58s", "57s")
        assert "x-ratelimit-limit-tokens" not in told
        assert "X-RateLimit-Degraded" not in told


def test_prefixes_spellings_and_credentials_share_one_count(ground: Limited) -> None:
    """Row 74, acceptance 5 of the product as a whole."""
    user = ground.newcomer()
    name = f"user-{next(ground.names)}"
    user = basic(name)
    signed_in = ground.gateway.post(
        "/api/v1/auths/signin", {"email": name.upper(), "password": PASSWORD}
    )
    token = {"Authorization": f"Bearer {signed_in.json()['token']}"}
    paths = [f"{prefix}/models" for prefix in PREFIXES]
    paths += ["//v1/models", "/v1/models/", "/v1//models", "/v1/models?x=1"]
    answers = [ground.gateway.get(path, headers=user) for path in paths]
    answers += [ground.gateway.get("/v1/models", headers=token)]
    assert [left(answer) for answer in answers] == [
        99 - number for number in range(len(answers))
    ]


def test_who_is_not_asked_who_he_is_is_not_counted(ground: Limited) -> None:
    user = ground.newcomer()
    for method, path, status in (
        ("GET", "/", 200),
        ("GET", "/health", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/models", 405),
    ):
        answer = ground.gateway.request(method, path, headers=user)
        assert answer.status_code == status
        assert "X-RateLimit-Limit" not in answer.headers
    assert ground.gateway.request("OPTIONS", "/v1/models").status_code < 300
    assert left(ground.gateway.get("/v1/models", headers=user)) == 99


def test_401_and_403_come_before_429_and_cost_nothing(ground: Limited) -> None:
    number = next(ground.names)
    reader = basic(f"reader-{number}")
    for _ in range(3):
        refused = ground.chat(reader)
        assert refusal(refused, 403)
        assert "X-RateLimit-Limit" not in refused.headers
    assert left(ground.gateway.get("/v1/models", headers=reader)) == 99
    wrong = ground.chat({"Authorization": "Bearer sk-nobodys"})
    assert refusal(wrong, 401)
    assert "X-RateLimit-Limit" not in wrong.headers


def test_429_comes_before_the_body_is_judged_and_after_its_size(
    ground: Limited,
) -> None:
    user = ground.third()
    for _ in range(3):
        assert refusal(
            ground.gateway.post("/v1/chat/completions", b"{bad", headers=user), 400
        )
    body = b"{bad"
    assert refusal(ground.gateway.post("/v1/chat/completions", body, headers=user), 429)


def test_a_group_has_a_rate_of_its_own(ground: Limited) -> None:
    user = ground.third()
    answers = [ground.chat(user) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}


def test_a_guest_has_the_rate_of_guests(ground: Limited) -> None:
    pair = ground.gateway.post("/auth/guest-login", {}).json()
    guest = {"Authorization": f"Bearer {pair['access_token']}"}
    answers = [ground.chat(guest) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_holders_of_the_shared_key_share_one_count(ground: Limited) -> None:
    first = ground.gateway.get("/v1/models", headers={"x-api-key": KEY})
    second = ground.gateway.get(
        "/v1/models", headers={"Authorization": f"Bearer {KEY}"}
    )
    assert left(first) - left(second) == 1


def test_refusal_has_the_shape_of_its_dialect(ground: Limited) -> None:
    user = ground.third()
    for _ in range(3):
        ground.gateway.get("/ollama/api/tags", headers=user)
    answer = ground.gateway.get("/ollama/api/tags", headers=user)
    assert answer.status_code == 429
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"].startswith("the limit of 3 per minute")
    assert int(answer.headers["Retry-After"]) >= 1


def spoofed(gateway: Gateway, *sent: str) -> list[int]:
    """What is left after requests that say they come from elsewhere."""
    return [
        left(
            gateway.post(
                "/v1/chat/completions",
                chat_body("/v1", model="x"),
                headers={"X-Forwarded-For": each},
            )
        )
        for each in sent
    ]


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_stranger_cannot_choose_his_address(proxies: int) -> None:
    """Row 64: the last hop counts, and only where a proxy of ours stands in front."""
    settings = {
        "auth": {"mode": "off"},
        "server": {"trusted_proxies": proxies},
        "limits": {"default": "100/minute"},
    }
    with serving(settings) as gateway:
        made_up = spoofed(gateway, "1.1.1.1, 10.0.0.9", "2.2.2.2, 10.0.0.9")
        others = spoofed(gateway, "10.0.0.8", "2001:db8::1", "2001:db8::2")
    assert made_up == [99, 98]
    assert others == ([99, 99, 98] if proxies else [97, 96, 95])
