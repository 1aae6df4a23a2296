"""An Ollama that nobody configured a pool for: named by `OLLAMA_URL`, or found on this machine.

It is spoken to in its own dialect, by whatever clients, and serves each kind of model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llmwrap.discovery import Probe, discover, pools_from
from tests.fakes import FakeUpstream, Recorded, Step, json_answer
from tests.fakes.native import END, chat_line, generate_line, ndjson, vectors
from tests.gateway import Gateway, serving
from tests.web.ollama_surface import JSON, lines, problem
from tests.web.surface import Watched

CHAT, CODE, EMBED = "llama3.2", "hf.co/a/Some-Coder:7b", "nomic-embed-text"
ODD = "vectors:1b"
"""It only embeds, and its name does not tell."""

LISTED = {
    f"{CHAT}:latest": ["completion", "tools"],
    CODE: ["completion", "insert"],
    f"{EMBED}:latest": ["embedding"],
}
HI = [{"role": "user", "content": "Hi"}]


def rows(**listed: Any) -> dict[str, Any]:
    """The list of an Ollama, with each model's capabilities where there are any."""
    told = {
        name: {"capabilities": each} if each else {} for name, each in listed.items()
    }
    digests = (f"{number:064x}" for number in range(len(listed)))
    return {
        "models": [
            {"name": name, "model": name, "size": 5, "digest": digest, **more}
            for digest, (name, more) in zip(digests, told.items(), strict=True)
        ]
    }


def answer_chat(request: Recorded) -> list[Step]:
    """`Hello`, whole or as lines."""
    if request.json()["stream"] is False:
        return json_answer(200, chat_line("Hello", **END))
    return ndjson([chat_line("Hello"), chat_line(**END)])


def answer_generate(request: Recorded) -> list[Step]:
    """`Hello`, whole or as lines."""
    if request.json()["stream"] is False:
        return json_answer(200, generate_line("Hello", **END))
    return ndjson([generate_line("Hello"), generate_line(**END)])


@contextmanager
def an_ollama(**listed: Any) -> Iterator[FakeUpstream]:
    """A server with these models that knows nothing of `/v1`."""
    with FakeUpstream() as fake:
        fake.on("GET", "/v1/models", json_answer(404, {}))
        fake.on("GET", "/api/version", json_answer(200, {"version": "0.33.0"}))
        fake.on("GET", "/api/tags", json_answer(200, rows(**listed)))
        fake.on("POST", "/api/chat", answer_chat)
        fake.on("POST", "/api/generate", answer_generate)
        fake.on("POST", "/api/embed", vectors([[0.6, 0.8]], 3))
        yield fake


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with an_ollama(**LISTED, **{ODD: ["embedding"]}) as fake:
        yield fake


@pytest.fixture(scope="module", params=["named", "found"])
def gateway(
    request: pytest.FixtureRequest, upstream: FakeUpstream
) -> Iterator[Gateway]:
    """Without a pool in its configuration."""
    if request.param == "named":
        environ = {"OLLAMA_URL": f"{upstream.url}/api/chat"}
        with serving({}, environ=environ) as named:
            yield named
        return
    port = int(upstream.url.rpartition(":")[2])
    found = discover(None, [Probe(port, "ollama", "ollama", silence_s=20)], total_s=20)
    with serving({"pools": pools_from(found)}) as served:
        yield served


def ids(gateway: Gateway, path: str) -> set[str]:
    return {each["id"] for each in gateway.get(f"{path}/models").json()["data"]}


def test_models_are_listed_with_their_own_facts(gateway: Gateway) -> None:
    told = gateway.get("/ollama/api/tags").json()["models"]
    listed = {each["name"]: each for each in told}
    assert {name: listed[name]["capabilities"] for name in LISTED} == LISTED
    assert {each["size"] for each in told} == {5}
    assert listed[CODE]["digest"] == f"{1:064x}"


def test_lists_are_of_each_kind(gateway: Gateway) -> None:
    assert ids(gateway, "/v1") >= set(LISTED)
    assert f"{CHAT}:latest" in ids(gateway, "/chat/v1")
    assert not {f"{EMBED}:latest", ODD} & ids(gateway, "/chat/v1")
    assert ids(gateway, "/code/v1") == {CODE}
    assert f"{EMBED}:latest" in ids(gateway, "/embed/v1")
    assert not {f"{CHAT}:latest", CODE} & ids(gateway, "/embed/v1")
    (entry,) = gateway.get("/code/v1/models").json()["data"]
    assert entry["owned_by"] == "ollama"


def test_gateway_is_ready(gateway: Gateway, upstream: FakeUpstream) -> None:
    assert gateway.get("/readyz").status_code == 200
    assert gateway.get("/health").json() == {"status": "ok"}
    asked = {each.path for each in upstream.journal if each.method == "GET"}
    assert asked <= {"/api/version", "/api/tags"}


@pytest.mark.parametrize("name", [CHAT, CODE])
def test_chat_keeps_what_only_ollama_knows(
    gateway: Gateway, upstream: FakeUpstream, name: str
) -> None:
    watched = Watched.now(upstream)
    own = {"options": {"num_ctx": 512}, "keep_alive": "5m", "think": "high"}
    answer = gateway.post("/ollama/api/chat", {"model": name, "messages": HI, **own})
    assert lines(answer)[0]["message"]["content"] == "Hello"
    assert watched.request.path == "/api/chat"
    sent = watched.request.json()
    assert {key: sent[key] for key in own} == own


@pytest.mark.parametrize(
    "own",
    [
        {"raw": True, "options": {"num_ctx": 512}},
        {"suffix": "end", "system": "s"},
        {"context": [1, 2], "template": "{{ .Prompt }}!"},
    ],
)
def test_generation_keeps_what_only_ollama_knows(
    gateway: Gateway, upstream: FakeUpstream, own: dict[str, Any]
) -> None:
    watched = Watched.now(upstream)
    body = {"model": CODE, "prompt": "Hi", "stream": False, **own}
    answer = gateway.post("/ollama/api/generate", body)
    assert answer.headers["Content-Type"] == JSON
    assert answer.json()["response"] == "Hello"
    assert watched.request.path == "/api/generate"
    assert watched.request.json() == body


@pytest.mark.parametrize("path", ["/v1", "/api/v1", "/chat/v1", "/ollama/v1", ""])
def test_openais_clients_are_answered_over_the_native_chat(
    gateway: Gateway, upstream: FakeUpstream, path: str
) -> None:
    watched = Watched.now(upstream)
    body = {"model": CHAT, "messages": HI, "max_tokens": 9}
    answer = gateway.post(f"{path}/chat/completions", body)
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    assert watched.request.path == "/api/chat"
    assert watched.request.json()["options"]["num_predict"] == 9


@pytest.mark.parametrize("path", ["/v1", "/api/v1", "/embed/v1", "/ollama/v1", ""])
@pytest.mark.parametrize("name", [EMBED, f"{EMBED}:latest"])
def test_models_for_vectors_embed(
    gateway: Gateway, upstream: FakeUpstream, path: str, name: str
) -> None:
    watched = Watched.now(upstream)
    body = {"model": name, "input": "Hi"}
    answer = gateway.post(f"{path}/embeddings", body)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["data"][0]["embedding"] == [0.6, 0.8]
    answer = gateway.post("/ollama/api/embed", body)
    assert answer.headers["Content-Type"] == JSON
    assert answer.json()["embeddings"] == [[0.6, 0.8]]
    assert [each.path for each in watched.requests] == ["/api/embed", "/api/embed"]


def test_model_for_vectors_does_not_chat(gateway: Gateway) -> None:
    body = {"model": EMBED, "messages": HI}
    told = problem(gateway.post("/ollama/api/chat", body), 400)
    assert told == f'"{EMBED}" does not support chat'
    assert gateway.post("/chat/v1/chat/completions", body).status_code == 404


def test_ollama_that_tells_no_capabilities_is_sorted_by_names() -> None:
    with (
        an_ollama(**dict.fromkeys(LISTED)) as older,
        serving({}, environ={"OLLAMA_URL": older.url}) as gateway,
    ):
        assert ids(gateway, "/v1") == set(LISTED)
        assert ids(gateway, "/code/v1") == {CODE}
        assert ids(gateway, "/embed/v1") == {f"{EMBED}:latest"}
        answer = gateway.post("/ollama/api/embed", {"model": EMBED, "input": "Hi"})
        assert answer.json()["embeddings"] == [[0.6, 0.8]]
