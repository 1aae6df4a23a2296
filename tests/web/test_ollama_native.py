"""A real Ollama's models behind the gateway: their lists, and their names on every service."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import FakeUpstream, Recorded, Step, json_answer
from tests.fakes.answers import LAST_CHUNK, chunked, head
from tests.fakes.steps import send
from tests.gateway import Gateway, serving
from tests.web.ollama_surface import lines
from tests.web.surface import Body, Watched

DIGEST = "a6990ed6be412c6a217614b0ec8e9cd6800a743d5dd7e1d7fbe9df09e61d5615"
DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
    "context_length": 131072,
    "embedding_length": 3072,
}
HI = [{"role": "user", "content": "Hi"}]


def entry(name: str, digest: str = DIGEST) -> Body:
    """As Ollama 0.33 lists a model."""
    return {
        "name": name,
        "model": name,
        "modified_at": "2025-05-04T17:37:44.706015396-07:00",
        "size": 2019393189,
        "digest": digest,
        "details": DETAILS,
        "capabilities": ["completion", "tools"],
    }


def line(text: str, **more: Any) -> Body:
    """One of a native chat's answer."""
    told = {"model": "llama3.2", "created_at": "2026-01-01T00:00:00Z"}
    return {**told, "message": {"role": "assistant", "content": text}, **more}


END = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 2}


def answer_chat(request: Recorded) -> list[Step]:
    """`Hello`, as lines or whole."""
    if request.json()["stream"] is False:
        return json_answer(200, line("Hello", **END))
    told = [line("Hel", done=False), line("lo", done=False), line("", **END)]
    kind = ("Content-Type", "application/x-ndjson")
    body = (chunked(json.dumps(each).encode() + b"\n") for each in told)
    start = head(200, kind, ("Transfer-Encoding", "chunked"))
    return [send(start), *map(send, body), send(LAST_CHUNK)]


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        listed = [entry("llama3.2:latest"), entry("hf.co/a/b:Q4"), entry("qwen3:8b")]
        listed[2]["digest"] = "f" * 64
        fake.on("GET", "/api/tags", json_answer(200, {"models": listed}))
        fake.on("POST", "/api/chat", answer_chat)
        yield fake


@pytest.fixture(scope="module")
def native(upstream: FakeUpstream) -> Iterator[Gateway]:
    """A gateway over one Ollama; its patterns and its alias leave the default tag out."""
    ollama = {"name": "ollama-1", "url": upstream.url, "dialect": "ollama"}
    pool = {
        "name": "local",
        "kind": "chat",
        "models": ["llama3.2", "hf.co/*", "qwen3:*"],
        "aliases": {"gpt-4o": "llama3.2"},
        "upstreams": [ollama],
    }
    with serving({"pools": [pool]}) as gateway:
        yield gateway


def test_entries_keep_what_the_upstream_says_of_them(native: Gateway) -> None:
    entries = native.get("/ollama/api/tags").json()["models"]
    digests = {each["name"]: each.pop("digest") for each in entries}
    assert set(digests) == {
        "llama3.2:latest",
        "hf.co/a/b:Q4",
        "qwen3:8b",
        "gpt-4o:latest",
    }
    assert digests["qwen3:8b"] == "f" * 64
    assert len(set(digests.values())) == 4
    for each in entries:
        own = entry(each["name"])
        del own["digest"]
        assert each == own


def test_model_is_shown_with_its_own_facts(native: Gateway) -> None:
    shown = native.post("/ollama/api/show", {"model": "llama3.2"}).json()
    assert shown["details"] == DETAILS
    assert shown["model_info"]["llama.context_length"] == 131072
    assert shown["capabilities"] == ["completion", "tools"]


@pytest.mark.parametrize("path", ["/v1", "/api/v1", "/chat/v1", "/ollama/v1", ""])
@pytest.mark.parametrize("name", ["llama3.2", "llama3.2:latest", "gpt-4o", "qwen3:8b"])
def test_default_tag_may_be_left_out_on_every_service(
    native: Gateway, upstream: FakeUpstream, path: str, name: str
) -> None:
    watched = Watched.now(upstream)
    body = {"model": name, "messages": HI}
    answer = native.post(f"{path}/chat/completions", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == name
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    assert watched.request.path == "/api/chat"
    sent = watched.request.json()["model"]
    assert sent == ("qwen3:8b" if name == "qwen3:8b" else "llama3.2")


@pytest.mark.parametrize("name", ["qwen3", "llama3.2:8b", "LLAMA3.2"])
def test_other_names_are_unknown_to_other_services(native: Gateway, name: str) -> None:
    body = {"model": name, "messages": HI}
    assert native.post("/v1/chat/completions", body).status_code == 404


def test_entry_of_openais_list_tells_the_digest(native: Gateway) -> None:
    told = native.get("/v1/models/llama3.2").json()
    assert (told["id"], told["owned_by"]) == ("llama3.2:latest", "ollama")
    assert told["root"] == f"sha256:{DIGEST}"


@pytest.mark.parametrize("name", ["llama3.2", "LLAMA3.2:latest"])
def test_ollamas_clients_are_passed_on(
    native: Gateway, upstream: FakeUpstream, name: str
) -> None:
    watched = Watched.now(upstream)
    body = {"model": name, "messages": HI, "options": {"num_ctx": 512}}
    told = lines(native.post("/ollama/api/chat", body))
    assert "".join(each["message"]["content"] for each in told) == "Hello"
    assert {each["model"] for each in told} == {name}
    assert (told[-1]["prompt_eval_count"], told[-1]["eval_count"]) == (7, 2)
    assert watched.request.json()["options"] == {"num_ctx": 512}
