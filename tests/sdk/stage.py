"""What clients that cross from one dialect to the other play on.

One gateway that asks for a key, over an upstream that speaks OpenAI's dialect (`vllm`) and one
that speaks Ollama's (`native`), on each server.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ollama
import pytest
from openai import OpenAI

from tests.fakes import (
    FakeUpstream,
    Recorded,
    Step,
    chat_answer,
    chat_chunk,
    chat_events,
    json_answer,
    sse,
    stream,
)
from tests.fakes.native import (
    END,
    chat_line,
    generate_line,
    ndjson,
    tags,
    vectors,
)
from tests.gateway import Gateway, serving
from tests.sdk.places import KEY
from tests.web.surface import Body, Watched, answer_completion, answer_embeddings

CHAT, THINKER, CODER, EMBED = "tiny", "thinker", "coder", "minilm"
"""Models of `vllm`: one of which nothing is known, one that thinks and sees, one that can fill
a gap and do no more, one that embeds 32 texts at once."""

NATIVE, NATIVE_EMBED = "llama3.2", "nomic"
"""Models of `native`; the second embeds 2 texts at once."""

HI: list[Body] = [{"role": "user", "content": "Hi"}]
BEARER = {"Authorization": f"Bearer {KEY}"}
CLOSED_S = 2
"""Within this time after a client has left its upstream must see the end."""

GAP = "<PRE>{prefix}<SUF>{suffix}<MID>"


@dataclass(frozen=True, slots=True)
class Stage:
    """The gateway, and what its upstreams are asked since the test began."""

    gateway: Gateway
    vllm: Watched
    native: Watched

    @property
    def asked(self) -> int:
        """How many requests reached an upstream."""
        return len(self.vllm.requests) + len(self.native.requests)

    def client(self, base: str = "/ollama", **options: Any) -> ollama.Client:
        """Ollama's official client, without what its surroundings say of proxies; close it.

        It does not read the authorities of TLS: they take longer than a test.
        """
        options = {"headers": BEARER, "trust_env": False, "verify": False} | options
        return ollama.Client(self.gateway.url + base, **options)


@pytest.fixture(scope="session")
def vllm() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=(CHAT, THINKER, CODER, EMBED)) as fake:
        yield fake


@pytest.fixture(scope="session")
def native() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        fake.on("GET", "/api/tags", tags(f"{NATIVE}:latest", f"{NATIVE_EMBED}:latest"))
        yield fake


@pytest.fixture(scope="session")
def two_dialects(
    server: str, vllm: FakeUpstream, native: FakeUpstream
) -> Iterator[Gateway]:
    url = f"{vllm.url}/v1"
    pools = [
        _pool(CHAT, url),
        _pool(THINKER, url)
        | {"capabilities": ["tools", "thinking", "vision"], "context_length": 8192},
        _pool(CODER, url)
        | {"kind": "code", "capabilities": ["insert"], "fill_in_middle": GAP},
        _pool(EMBED, url) | {"kind": "embed"},
        _pool(NATIVE, native.url, dialect="ollama"),
        _pool(NATIVE_EMBED, native.url, dialect="ollama", embed_batch=2)
        | {"kind": "embed"},
    ]
    with serving({"auth": {"api_key": KEY}, "pools": pools}, server=server) as made:
        yield made


@pytest.fixture(scope="session")
def at_api(two_dialects: Gateway) -> Iterator[OpenAI]:
    """OpenAI's official client; one for all tests, since making it takes longer than a test."""
    url = f"{two_dialects.url}/api/v1"
    with OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def stage(two_dialects: Gateway, vllm: FakeUpstream, native: FakeUpstream) -> Stage:
    vllm.chat(answer_chat)
    vllm.on("POST", "/v1/completions", answer_completion)
    vllm.on("POST", "/v1/embeddings", answer_embeddings)
    native.on("POST", "/api/chat", answer_native_chat)
    native.on("POST", "/api/generate", answer_native_generate)
    native.on("POST", "/api/embed", answer_native_embed)
    native.on("POST", "/api/embeddings", json_answer(200, {"embedding": [3.0, 4.0]}))
    return Stage(two_dialects, Watched.now(vllm), Watched.now(native))


def _pool(model: str, url: str, **upstream: object) -> Body:
    upstream = {"name": f"{model}-1", "url": url} | upstream
    return {"name": model, "kind": "chat", "models": [model], "upstreams": [upstream]}


def usage_chunk(prompt: int, completion: int) -> Body:
    """What an OpenAI stream ends with when its usage was asked for."""
    chunk = chat_chunk({})
    total = {"total_tokens": prompt + completion}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion} | total
    return chunk | {"choices": [], "usage": usage}


def with_usage(events: list[bytes]) -> list[Step]:
    """A stream of `events` with 3 + 2 tokens before the last of them."""
    return stream([*events[:-1], sse(usage_chunk(3, 2)), events[-1]])


def answer_chat(request: Recorded) -> list[Step]:
    """`Hello`, as a stream or whole."""
    if request.json()["stream"]:
        return with_usage(chat_events("Hel", "lo"))
    return chat_answer("Hello")


def answer_native_chat(request: Recorded) -> list[Step]:
    """The same in Ollama's words."""
    if request.json()["stream"]:
        return ndjson([chat_line("Hel"), chat_line("lo"), chat_line(**END)])
    return json_answer(200, chat_line("Hello", **END))


def answer_native_generate(request: Recorded) -> list[Step]:
    """The same as a generation."""
    if request.json()["stream"]:
        return ndjson([generate_line("Hel"), generate_line("lo"), generate_line(**END)])
    return json_answer(200, generate_line("Hello", **END))


def answer_native_embed(request: Recorded) -> list[Step]:
    """For each text the vector (its length, 0), and a token."""
    texts = request.json()["input"]
    return vectors([[float(len(text)), 0.0] for text in texts], len(texts))
