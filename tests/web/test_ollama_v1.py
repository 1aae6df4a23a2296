"""OpenAI's paths below Ollama's prefix, where Copilot chats after it has looked around (C49)."""

import pytest

from tests.web.surface import (
    ALIAS,
    CHAT,
    CODE,
    DEEP,
    EMBED,
    Stage,
    chat_body,
    payloads,
    refusal,
    texts,
)

V1 = "/ollama/v1"


def test_models_are_listed_in_openais_shape(stage: Stage) -> None:
    listed = stage.gateway.get(f"{V1}/models").json()
    assert listed["object"] == "list"
    names = {entry["id"] for entry in listed["data"]}
    assert names == {CHAT, DEEP, ALIAS, CODE, EMBED}


@pytest.mark.parametrize(
    ("asked", "upstreams"),
    [
        (CHAT, CHAT),
        (f"{CHAT}:latest", CHAT),
        (f"{CHAT}:LATEST".lower(), CHAT),
        (f"{ALIAS}:latest", CHAT),
        (DEEP, DEEP),
    ],
)
def test_chat_finds_the_model_under_ollamas_names(
    stage: Stage, asked: str, upstreams: str
) -> None:
    answer = stage.gateway.post(f"{V1}/chat/completions", chat_body(model=asked))
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == asked
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    assert stage.chat.request.json()["model"] == upstreams


def test_stream_echoes_the_name_that_was_asked_for(stage: Stage) -> None:
    asked = f"{CHAT}:latest"
    body = chat_body(model=asked, stream=True)
    events = payloads(stage.gateway.post(f"{V1}/chat/completions", body).content)
    assert texts(events) == "Hello"
    assert events[-1] == "[DONE]"
    assert {event["model"] for event in events[:-1]} == {asked}


def test_embeddings_and_completions_find_theirs_too(stage: Stage) -> None:
    body = {"model": f"{EMBED}:latest", "input": "Hi"}
    assert stage.gateway.post(f"{V1}/embeddings", body).status_code == 200
    assert stage.embed.request.json()["model"] == EMBED
    body = {"model": f"{CODE}:latest", "prompt": "Hi"}
    assert stage.gateway.post(f"{V1}/completions", body).status_code == 200
    assert stage.code.request.json()["model"] == CODE


def test_entry_of_one_model_is_found_under_ollamas_names(stage: Stage) -> None:
    for name in (CHAT, f"{CHAT}:latest"):
        entry = stage.gateway.get(f"{V1}/models/{name}").json()
        assert (entry["id"], entry["object"]) == (CHAT, "model")


def test_errors_are_openais(stage: Stage) -> None:
    body = chat_body(model=f"{CHAT}:8b")
    error = refusal(stage.gateway.post(f"{V1}/chat/completions", body), 404)
    assert error["code"] == "model_not_found"
    assert refusal(stage.gateway.get(f"{V1}/models/nope"), 404)
    assert refusal(stage.gateway.get(f"{V1}/chat/completions"), 405)
    assert refusal(stage.gateway.post(f"{V1}/chat/completions", b"{"), 400)
    assert stage.asked == 0


def test_other_services_know_no_loose_names(stage: Stage) -> None:
    for prefix in ("/v1", "/api/v1", ""):
        for name in (f"{CHAT}:latest", CHAT.upper()):
            answer = stage.gateway.post(
                f"{prefix}/chat/completions", chat_body(model=name)
            )
            assert answer.status_code == 404
    assert stage.asked == 0
