"""What goes wrong for Ollama's official client: refusals, credentials, broken streams, leaving.

Contract cases C05, C20, C23, C34, C38-C40, C43, C46, C47.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import ollama
import pytest

from tests.fakes import (
    LAST_CHUNK,
    chat_answer,
    chat_chunk,
    chat_events,
    chunked,
    json_answer,
    rst,
    send,
    sse,
    sse_head,
    stream,
)
from tests.fakes.native import begun, chat_line, drip, ndjson, raw
from tests.sdk.places import KEY
from tests.sdk.stage import BEARER, CHAT, CLOSED_S, CODER, EMBED, HI, NATIVE, Stage


@pytest.fixture
def client(stage: Stage) -> Iterator[ollama.Client]:
    with stage.client() as client:
        yield client


@dataclass(frozen=True)
class Refusal:
    """A call that no upstream hears of, and what the client raises."""

    call: Callable[[ollama.Client], object]
    status: int
    text: str


REFUSALS = {
    "unknown model": Refusal(
        lambda client: client.chat("nope", HI), 404, "model 'nope' not found"
    ),
    "unknown model of a stream": Refusal(
        lambda client: next(client.generate("nope", "Hi", stream=True)),
        404,
        "model 'nope' not found",
    ),
    "unknown model shown": Refusal(
        lambda client: client.show("nope"), 404, "model 'nope:latest' not found"
    ),
    "unknown model pulled": Refusal(
        lambda client: list(client.pull("nope", stream=True)),
        404,
        "model 'nope' not found",
    ),
    "unknown model embeds": Refusal(
        lambda client: client.embed("nope", "a"),
        404,
        'model "nope" not found, try pulling it first',
    ),
    "option of another type": Refusal(
        lambda client: client.chat(CHAT, HI, options={"temperature": "hot"}),
        400,
        'option "temperature" must be of type float32',
    ),
    "strange thinking": Refusal(
        lambda client: client.chat(CHAT, HI, think="banana"),
        400,
        'invalid think value: "banana" (must be "high", "medium", "low", "max", true,'
        " or false)",
    ),
    "model that does not think": Refusal(
        lambda client: client.chat(CODER, HI, think=True),
        400,
        '"coder" does not support thinking',
    ),
    "model that embeds": Refusal(
        lambda client: client.chat(EMBED, HI), 400, '"minilm" does not support chat'
    ),
    "too many alternatives": Refusal(
        lambda client: client.chat(CHAT, HI, logprobs=True, top_logprobs=21),
        400,
        "top_logprobs must be between 0 and 20",
    ),
    "delete": Refusal(
        lambda client: client.delete(CHAT),
        403,
        "deleting models is disabled on this server",
    ),
    "copy": Refusal(
        lambda client: client.copy(CHAT, "other"),
        403,
        "copying models is disabled on this server",
    ),
    "push": Refusal(
        lambda client: list(client.push(CHAT, stream=True)),
        403,
        "pushing models is disabled on this server",
    ),
    "create": Refusal(
        lambda client: client.create("other", from_=CHAT),
        403,
        "creating models is disabled on this server",
    ),
    "blob": Refusal(
        lambda client: client.create_blob(Path(__file__)),
        403,
        "uploading blobs is disabled on this server",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_refusal_has_its_status_and_its_text(
    client: ollama.Client, stage: Stage, refusal: Refusal
) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        refusal.call(client)
    told = (caught.value.status_code, caught.value.error)
    assert told == (refusal.status, refusal.text)
    assert stage.asked == 0


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("model", [CHAT, NATIVE])
@pytest.mark.parametrize(
    ("theirs", "ours"), [(400, 400), (429, 429), (500, 502), (401, 502)]
)
def test_failure_of_an_upstream_is_a_status(
    stage: Stage, model: str, streaming: bool, theirs: int, ours: int
) -> None:
    stage.vllm.fake.chat(json_answer(theirs, {"error": {"message": "too odd"}}))
    stage.native.fake.on("POST", "/api/chat", json_answer(theirs, {"error": "too odd"}))
    with stage.client() as client, pytest.raises(ollama.ResponseError) as caught:
        list(client.chat(model, HI, stream=streaming))
    assert caught.value.status_code == ours
    assert (caught.value.error == "too odd") == (theirs != 401)


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_error_in_the_middle_of_a_stream_is_raised(
    client: ollama.Client, stage: Stage, model: str
) -> None:
    events = [*chat_events("Hel", "lo")[:3], sse({"error": {"message": "boom"}})]
    stage.vllm.fake.chat(stream(events))
    lines = [chat_line("Hel"), chat_line("lo"), {"error": "boom"}]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    parts = client.chat(model, HI, stream=True)
    assert [next(parts).message.content for _ in range(2)] == ["Hel", "lo"]
    with pytest.raises(ollama.ResponseError, match="boom"):
        next(parts)


@pytest.mark.parametrize("model", [CHAT, NATIVE])
@pytest.mark.parametrize("clean", [True, False])
def test_stream_that_breaks_off_is_no_whole_answer(
    client: ollama.Client, stage: Stage, model: str, clean: bool
) -> None:
    end = send(LAST_CHUNK) if clean else rst()
    start = chunked(sse(chat_chunk({"content": "Hel"})))
    stage.vllm.fake.chat([send(sse_head() + start), end])
    stage.native.fake.on("POST", "/api/chat", [*begun([chat_line("Hel")]), end])
    parts = client.chat(model, HI, stream=True)
    assert next(parts).message.content == "Hel"
    with pytest.raises(ollama.ResponseError):
        next(parts)


def never_ends(stage: Stage, gone: Event) -> None:
    """Either upstream talks on until the gateway hangs up."""
    part = chunked(sse(chat_chunk({"content": "a"})))
    stage.vllm.fake.chat([send(sse_head()), drip(part, gone)])
    line = chunked(raw(chat_line("a")))
    stage.native.fake.on("POST", "/api/chat", [*begun([]), drip(line, gone)])


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_client_that_leaves_a_stream_ends_it_for_the_upstream_too(
    client: ollama.Client, stage: Stage, model: str
) -> None:
    gone = Event()
    never_ends(stage, gone)
    parts = client.chat(model, HI, stream=True)
    assert [next(parts).message.content for _ in range(2)] == ["a", "a"]
    parts.close()
    assert gone.wait(CLOSED_S)
    stage.vllm.fake.chat(chat_answer("Hello"))
    assert client.chat(CHAT, HI).message.content == "Hello"


@pytest.mark.parametrize("model", [CHAT, NATIVE])
def test_task_that_is_cancelled_ends_it_too(stage: Stage, model: str) -> None:
    gone = Event()
    never_ends(stage, gone)

    async def read(client: ollama.AsyncClient, begun: asyncio.Event) -> None:
        async for _ in await client.chat(model, HI, stream=True):
            begun.set()

    async def ask() -> None:
        url = f"{stage.gateway.url}/ollama"
        options = {"headers": BEARER, "trust_env": False, "verify": False}
        async with ollama.AsyncClient(url, **options) as client:
            begun = asyncio.Event()
            reading = asyncio.create_task(read(client, begun))
            await begun.wait()
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()

    asyncio.run(ask())
    assert gone.wait(CLOSED_S)


def test_key_of_the_surroundings_is_a_bearer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    with stage.client(headers=None) as client:
        assert client.chat(CHAT, HI).message.content == "Hello"
        assert client.show(NATIVE).capabilities
    assert stage.vllm.request.header("authorization") is None


@pytest.mark.parametrize(
    ("base", "headers"),
    [
        ("/ollama", {"X-API-Key": KEY}),
        ("/ollama", {"api-key": KEY}),
        (f"/ollama/key/{KEY}", {}),
        (f"/ollama/key/{KEY}/", {}),
    ],
)
def test_key_may_be_in_another_header_or_in_the_address(
    stage: Stage, base: str, headers: dict[str, str]
) -> None:
    with stage.client(base, headers=headers) as client:
        assert client.chat(CHAT, HI).message.content == "Hello"
        assert client.list().models


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_client_without_a_key_is_refused(stage: Stage, headers: dict[str, str]) -> None:
    with stage.client(headers=headers) as client:
        for call in (client.list, lambda: client.chat(CHAT, HI)):
            with pytest.raises(ollama.ResponseError) as caught:
                call()
            told = (caught.value.status_code, caught.value.error)
            assert told == (401, "unauthorized")
    assert stage.asked == 0
