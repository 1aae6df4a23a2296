"""Guessing passwords at the HTTP surface: sign-in and Basic count together (row 48)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from tests.gateway import Gateway
from tests.web.guarded import KEY, PASSWORD, basic
from tests.web.limited import Limited, limited
from tests.web.surface import refusal


@pytest.fixture(scope="module")
def ground(server: str) -> Iterator[Limited]:
    with limited(server) as made:
        yield made


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody at an address that no other test uses."""

    gateway: Gateway
    address: str

    def sign_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        return self.post("/api/v1/auths/signin", {"email": name, "password": password})

    def post(self, path: str, body: object) -> requests.Response:
        headers = {"X-Forwarded-For": self.address}
        return self.gateway.post(path, body, headers=headers)

    def models(self, headers: dict[str, str]) -> requests.Response:
        return self.gateway.get(
            "/v1/models", headers={"X-Forwarded-For": self.address, **headers}
        )


@pytest.fixture
def client(ground: Limited) -> Client:
    return Client(ground.gateway, f"10.1.0.{next(ground.names)}")


@pytest.fixture
def name(ground: Limited) -> str:
    return f"user-{next(ground.names)}"


def test_15_wrong_passwords_close_a_name_for_a_while_and_no_other(
    client: Client, name: str, ground: Limited
) -> None:
    right, key = basic(name), {"x-api-key": KEY}
    assert client.models(right).status_code == 200
    for _ in range(8):
        assert client.sign_in(name.title(), "guess").status_code == 401
    for number in range(7):
        assert refusal(client.models(basic(name, f"guess-{number}")), 401)
    closed = client.sign_in(name.upper())
    assert closed.status_code == 429
    assert 170 <= int(closed.headers["Retry-After"]) <= 180
    error = refusal(client.models(right), 429)
    assert error["code"] == "rate_limit_exceeded"
    assert error["message"].startswith("too many failed sign-ins; come again in ")
    elsewhere = Client(client.gateway, "10.2.0.1")
    assert elsewhere.sign_in(name).status_code == 429
    other = ground.newcomer()
    assert client.models(other).status_code == 200
    assert client.models(key).status_code == 200


def test_what_is_no_wrong_password_is_not_counted(client: Client, name: str) -> None:
    unknown = {"Authorization": "Bearer sk-nobodys"}
    token = {"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"}
    malformed = {"Authorization": "Basic !!!"}
    for headers in (unknown, token, malformed):
        for _ in range(40):
            assert refusal(client.models(headers), 401)
    for _ in range(20):
        refusal(client.post("/api/v1/auths/signin", {"email": name}), 400)
        assert client.sign_in(name).status_code == 200


def test_an_address_that_guesses_100_times_is_shut_out(
    client: Client, name: str
) -> None:
    statuses = [
        client.sign_in(f"nobody-{number}", "guess").status_code for number in range(101)
    ]
    assert statuses == [401] * 100 + [429]
    assert client.sign_in(name).status_code == 429
    assert client.models({"x-api-key": KEY}).status_code == 200
    assert Client(client.gateway, "10.2.0.2").sign_in(name).status_code == 200


def test_an_address_gets_20_guests_a_minute(client: Client) -> None:
    statuses = [
        client.post("/llm/auth/guest-login", b"").status_code for _ in range(21)
    ]
    assert statuses == [200] * 20 + [429]
