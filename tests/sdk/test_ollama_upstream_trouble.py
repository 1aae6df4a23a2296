"""What goes wrong for the official OpenAI client when the upstream speaks Ollama's dialect.

Contract case C63, and those of a stream that breaks and a client that leaves.
"""

from threading import Event

import openai
import pytest
from openai import OpenAI

from tests.fakes import LAST_CHUNK, chunked, json_answer, rst, send
from tests.fakes.native import begun, chat_line, drip, ndjson, raw
from tests.sdk.places import KEY
from tests.sdk.stage import CLOSED_S, HI, NATIVE, Stage


@pytest.fixture
def client(stage: Stage, at_api: OpenAI) -> OpenAI:
    return at_api


@pytest.mark.parametrize(
    ("theirs", "kind", "ours"),
    [
        (400, openai.BadRequestError, 400),
        (401, openai.InternalServerError, 502),
        (500, openai.InternalServerError, 502),
        (503, openai.InternalServerError, 503),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_failure_of_the_upstream_is_a_status(
    client: OpenAI,
    stage: Stage,
    theirs: int,
    kind: type[openai.APIStatusError],
    ours: int,
    streaming: bool,
) -> None:
    refused = json_answer(theirs, {"error": "too odd"})
    stage.native.fake.on("POST", "/api/chat", refused)
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=NATIVE, messages=HI, stream=streaming)
    assert caught.value.status_code == ours


def test_error_line_is_raised_after_the_text(client: OpenAI, stage: Stage) -> None:
    lines = [chat_line("Hel"), {"error": "out of memory"}]
    stage.native.fake.on("POST", "/api/chat", ndjson(lines))
    chunks = client.chat.completions.create(model=NATIVE, messages=HI, stream=True)
    said = []
    with pytest.raises(openai.APIError, match="out of memory"):
        said.extend(chunk.choices[0].delta.content for chunk in chunks)
    assert [text for text in said if text] == ["Hel"]


@pytest.mark.parametrize("clean", [True, False])
def test_stream_that_breaks_off_ends_with_an_error_and_no_done(
    stage: Stage, clean: bool
) -> None:
    end = send(LAST_CHUNK) if clean else rst()
    stage.native.fake.on("POST", "/api/chat", [*begun([chat_line("Hel")]), end])
    answer = stage.gateway.post(
        "/api/v1/chat/completions",
        {"model": NATIVE, "messages": HI, "stream": True},
        headers={"Authorization": f"Bearer {KEY}"},
    )
    *_, last, rest = answer.text.split("\n\n")
    assert rest == ""
    assert last.startswith('data: {"error":')
    assert "[DONE]" not in answer.text


def test_model_that_was_only_loaded_has_not_answered(
    client: OpenAI, stage: Stage
) -> None:
    loaded = json_answer(200, chat_line(done=True, done_reason="load"))
    stage.native.fake.on("POST", "/api/chat", loaded)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=NATIVE, messages=HI)
    assert caught.value.status_code == 503


def test_client_that_leaves_ends_the_work_of_the_upstream(
    client: OpenAI, stage: Stage
) -> None:
    gone = Event()
    talking = [*begun([]), drip(chunked(raw(chat_line("a"))), gone)]
    stage.native.fake.on("POST", "/api/chat", talking)
    chunks = client.chat.completions.create(model=NATIVE, messages=HI, stream=True)
    while not next(chunks).choices[0].delta.content:
        continue
    chunks.response.close()
    assert gone.wait(CLOSED_S)
