"""What the tests of Ollama's surface share: its errors, its names, its official client."""

import json
from typing import Any

import ollama
import requests

from tests.gateway import Gateway
from tests.web.guarded import KEY
from tests.web.surface import ALIAS, CHAT, CODE, DEEP, EMBED

JSON = "application/json; charset=utf-8"
"""What everything but a stream is."""

BEARER = {"Authorization": f"Bearer {KEY}"}

TAGGED = {
    f"{CHAT}:latest",
    DEEP,
    f"{ALIAS}:latest",
    f"{CODE}:latest",
    f"{EMBED}:latest",
}
"""Every model of the stage, as Ollama writes it."""


def problem(answer: requests.Response, status: int) -> str:
    """The text of an error in Ollama's one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == JSON
    assert set(answer.json()) == {"error"}
    return str(answer.json()["error"])


def lines(answer: requests.Response) -> list[dict[str, Any]]:
    """The objects of a stream: one on each line, in ASCII, none of the lines empty."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.content.isascii()
    assert answer.content.endswith(b"\n")
    return [json.loads(line) for line in answer.content[:-1].split(b"\n")]


def client(gateway: Gateway, base: str = "/ollama") -> ollama.Client:
    """The official client, without what its surroundings say of proxies; close it."""
    return ollama.Client(f"{gateway.url}{base}", trust_env=False)
