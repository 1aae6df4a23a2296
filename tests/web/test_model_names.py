"""The model of a request: unknown, of another service, of another kind, absent (C24, C55)."""

from typing import Any

import pytest

from tests.web.surface import (
    CHAT,
    CODE,
    EMBED,
    OLDER,
    POST_ROUTES,
    Stage,
    body_for,
    chat_body,
    refusal,
)

MODEL_NAMES = [
    "nope",
    "mistral-small",
    "Mistral-Small ",
    " Mistral-Small",
    "Mistral-Small\x00",
    "\x00",
    "../../etc/passwd",
    "a/../b",
    "..%2f..%2fetc",
    "Mistral-Small/../Mistral-Small",
    "Mistrаl-Small",  # noqa: RUF001 (a Cyrillic a)
    "http://127.0.0.1/v1",
    "Mistral-*",
    "\r\nX-Injected: 1",
    "\U0001f600",
    "m" * 10_240,
]


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_unknown_model_is_404_on_every_route(stage: Stage, name: str) -> None:
    """C24; the name is looked up, never put into a path."""
    for route in POST_ROUTES:
        older = route.startswith(OLDER[:3]) or route.count("/") <= 2
        code = "invalid_model" if older else "model_not_found"
        error = refusal(
            stage.gateway.post(route, body_for(route) | {"model": name}), 404
        )
        assert error["code"] == code, route
        assert error["type"] == "invalid_request_error"
        assert error["param"] == "model"
        assert len(error["message"]) < 1200
    assert stage.asked == 0


@pytest.mark.parametrize(
    ("route", "foreign"),
    [
        ("/chat/v1/chat/completions", EMBED),
        ("/chat/v1/completions", CODE),
        ("/code/v1/chat/completions", CHAT),
        ("/code/v1/completions", EMBED),
        ("/embed/v1/embeddings", CHAT),
    ],
)
def test_model_of_another_service_looks_unknown(
    stage: Stage, route: str, foreign: str
) -> None:
    """C24, C55: the body is the same but for the name."""
    known, unknown = (
        refusal(stage.gateway.post(route, body_for(route) | {"model": name}), 404)
        for name in (foreign, "Unknown-Model")
    )
    known["message"] = known["message"].replace(foreign, "Unknown-Model", 1)
    assert known == unknown
    assert stage.asked == 0


@pytest.mark.parametrize("prefix", ["/api/v1", *OLDER])
def test_chat_model_cannot_embed(stage: Stage, prefix: str) -> None:
    """C55."""
    answer = stage.gateway.post(f"{prefix}/embeddings", {"model": CHAT, "input": "Hi"})
    error = refusal(answer, 400)
    assert (error["param"], error["code"]) == ("model", "invalid_value")
    assert stage.asked == 0


@pytest.mark.parametrize("path", ["chat/completions", "completions"])
@pytest.mark.parametrize("prefix", ["/api/v1", *OLDER])
def test_embedding_model_cannot_chat(stage: Stage, prefix: str, path: str) -> None:
    route = f"{prefix}/{path}"
    error = refusal(stage.gateway.post(route, body_for(route) | {"model": EMBED}), 400)
    assert (error["param"], error["code"]) == ("model", "invalid_value")
    assert stage.asked == 0


@pytest.mark.parametrize("prefix", ["/chat/v1", "/embed/v1"])
@pytest.mark.parametrize("given", [{}, {"model": None}, {"model": ""}])
def test_absent_model_without_a_default_is_400(
    stage: Stage, prefix: str, given: dict[str, Any]
) -> None:
    """C24."""
    path = "/embeddings" if prefix == "/embed/v1" else "/chat/completions"
    body = body_for(prefix + path)
    del body["model"]
    error = refusal(stage.gateway.post(prefix + path, body | given), 400)
    assert error["param"] == "model"
    assert error["code"] == "missing_required_parameter"
    assert stage.asked == 0


@pytest.mark.parametrize(
    ("prefix", "default"),
    [
        ("/code/v1", "Devstral-Small-2507"),
        ("/api/v1", "Devstral-Small-2507"),
        *((prefix, "Mistral-Small") for prefix in OLDER),
    ],
)
@pytest.mark.parametrize("given", [{}, {"model": None}])
def test_absent_model_is_the_default_one(
    stage: Stage, prefix: str, default: str, given: dict[str, Any]
) -> None:
    """That of the service, else that of the first pool which has one."""
    body = chat_body(prefix) | given
    if not given:
        del body["model"]
    answer = stage.gateway.post(f"{prefix}/chat/completions", body)
    assert answer.status_code == 200
    assert answer.json()["model"] == default
    (request,) = stage.chat.requests + stage.code.requests
    assert request.json()["model"] == default
