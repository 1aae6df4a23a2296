"""Requests of Ollama's clients that reach no model: loading it, or asking wrongly.

Contract cases C06-C09, C28-C30.
"""

import json
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.web.ollama_surface import JSON, client, problem
from tests.web.surface import ALIAS, CHAT, CODE, DEEP, EMBED, Stage

API = "/ollama/api"


def loaded(stage: Stage, path: str, body: Any) -> dict[str, Any]:
    """The one object that answers a request for nothing; no upstream heard of it."""
    answer = stage.gateway.post(path, body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == JSON
    assert stage.asked == 0
    return dict(answer.json())


@pytest.mark.parametrize(
    "name",
    [
        CHAT,
        f"{CHAT}:latest",
        CHAT.upper(),
        f"{CHAT}:LATEST".upper(),
        f" {CHAT} ",
        DEEP,
        f"{ALIAS}:latest",
        ALIAS.upper(),
        CODE,
    ],
)
def test_model_is_loaded_and_named_as_it_was_asked_for(stage: Stage, name: str) -> None:
    for path, given in ((f"{API}/chat", "message"), (f"{API}/generate", "response")):
        answer = loaded(stage, path, {"model": name})
        assert answer["model"] == name
        assert (answer["done"], answer["done_reason"]) == (True, "load")
        assert given in answer


@pytest.mark.parametrize("stream", [True, False, None])
@pytest.mark.parametrize("messages", [[], None])
def test_load_is_one_object_whether_a_stream_was_asked_for_or_not(
    stage: Stage, stream: object, messages: object
) -> None:
    body = {"model": CHAT, "stream": stream, "messages": messages}
    answer = loaded(stage, f"{API}/chat", body)
    assert answer["message"] == {"role": "assistant", "content": ""}
    assert answer["done_reason"] == "load"


@pytest.mark.parametrize("keep_alive", [0, "0", "0s", 0.0])
def test_model_is_unloaded_by_keeping_it_for_no_time(
    stage: Stage, keep_alive: object
) -> None:
    body = {"model": CHAT, "keep_alive": keep_alive}
    for path in ("chat", "generate"):
        answer = loaded(stage, f"{API}/{path}", body)
        assert (answer["done"], answer["done_reason"]) == (True, "unload")


def test_nothing_to_embed_gives_no_vectors(stage: Stage) -> None:
    for given in ("", [], None):
        answer = loaded(stage, f"{API}/embed", {"model": EMBED, "input": given})
        assert answer["embeddings"] == []
    assert loaded(stage, f"{API}/embeddings", {"model": EMBED}) == {"embedding": []}


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("chat", {"model": ""}, 400, "model is required"),
        ("chat", {}, 400, "model is required"),
        ("chat", {"model": "nope"}, 404, "model 'nope' not found"),
        ("chat", {"model": f"{CHAT}:8b"}, 404, f"model '{CHAT}:8b' not found"),
        ("chat", {"model": "a\nb"}, 400, "invalid model name"),
        ("chat", {"model": "a b"}, 404, "model 'a b' not found"),
        ("generate", {"model": "", "prompt": "x"}, 404, "model '' not found"),
        ("generate", {"model": "nope", "prompt": "x"}, 404, "model 'nope' not found"),
        ("embed", {"input": "x"}, 404, "model '' not found"),
        (
            "embed",
            {"model": "nope", "input": "x"},
            404,
            'model "nope" not found, try pulling it first',
        ),
        ("embeddings", {"prompt": "x"}, 400, "model is required"),
        ("chat", {"model": EMBED}, 400, f'"{EMBED}" does not support chat'),
        (
            "generate",
            {"model": EMBED, "prompt": "x"},
            400,
            f'"{EMBED}" does not support generate',
        ),
        (
            "embed",
            {"model": CHAT, "input": "x"},
            400,
            "this model does not support embeddings",
        ),
        ("chat", b"", 400, "missing request body"),
    ],
)
def test_what_cannot_be_answered_is_told_in_ollamas_words(
    stage: Stage, path: str, body: Any, status: int, message: str
) -> None:
    answer = stage.gateway.post(f"{API}/{path}", body)
    assert problem(answer, status) == message
    assert stage.asked == 0


@pytest.mark.parametrize("body", [b'{"model":', b"[1]", b"\xff", b'{"options": 3}'])
def test_body_that_is_no_request_is_400_in_json(gateway: Gateway, body: bytes) -> None:
    for path in ("chat", "generate", "embed", "embeddings"):
        assert problem(gateway.post(f"{API}/{path}", body), 400)


def test_content_type_is_not_looked_at(stage: Stage) -> None:
    """`curl -d` says that it sends a form."""
    body = json.dumps({"model": CHAT}).encode()
    for kind in ("application/x-www-form-urlencoded", "text/plain", ""):
        headers = {"Content-Type": kind}
        answer = stage.gateway.post(f"{API}/chat", body, headers=headers)
        assert answer.json()["done_reason"] == "load"
    answer = stage.gateway.request("POST", f"{API}/chat", data=body)
    assert answer.json()["done_reason"] == "load"


def test_load_is_in_the_log_as_what_it_was(gateway: Gateway) -> None:
    headers = {"X-Request-Id": "ollama-load"}
    gateway.post(f"{API}/generate", {"model": CHAT.upper()}, headers=headers)
    line = gateway.logged("ollama-load")
    assert line["service"] == "ollama"
    assert (line["status"], line["outcome"]) == (200, "ok")
    assert (line["model"], line["attempts"]) == (CHAT.upper(), 0)


def test_official_client_loads_a_model(gateway: Gateway) -> None:
    with client(gateway) as asking:
        assert asking.generate(CHAT).done_reason == "load"
        assert asking.chat(CHAT).done_reason == "load"
        (only,) = asking.chat(CHAT, stream=True)
        assert only.done_reason == "load"
        assert asking.embed(EMBED, "").embeddings == []
