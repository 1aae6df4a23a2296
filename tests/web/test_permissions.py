"""Models and services that a key does not open: to its holder they are not there."""

from collections.abc import Mapping

import pytest

from tests.fakes import FakeUpstream
from tests.gateway import Gateway
from tests.web.guarded import basic
from tests.web.ollama_surface import problem
from tests.web.surface import ALIAS, CHAT, CODE, EMBED, chat_body, refusal, reset

Headers = dict[str, str]


def holding(gateway: Gateway, scopes: Mapping[str, list[str]]) -> Headers:
    """A new key of one user's, as the header that presents it."""
    body = {"name": "test", "scopes": scopes}
    answer = gateway.post("/llm/auth/api-keys", body, headers=basic("alice"))
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['key']}"}


@pytest.fixture(scope="module")
def narrow(guarded: Gateway) -> Headers:
    """A key for two models."""
    return holding(guarded, {"models": [CHAT, "all-*"]})


@pytest.fixture(scope="module")
def ollamas(guarded: Gateway) -> Headers:
    """A key for Ollama's service."""
    return holding(guarded, {"services": ["ollama"]})


def names(gateway: Gateway, path: str, headers: Headers) -> set[str]:
    """What a list of models has, in either dialect."""
    body = gateway.get(path, headers=headers).json()
    rows = body.get("data", body.get("models"))
    return {row.get("id") or row["name"] for row in rows}


def test_lists_have_the_models_of_the_key(guarded: Gateway, narrow: Headers) -> None:
    for path in ("/v1/models", "/models", "/api/v1/models", "/ollama/v1/models"):
        assert names(guarded, path, narrow) == {CHAT, EMBED}
    for path in ("/ollama/api/tags", "/ollama/api/ps"):
        assert names(guarded, path, narrow) == {f"{CHAT}:latest", f"{EMBED}:latest"}
    assert names(guarded, "/code/v1/models", narrow) == set()


@pytest.mark.parametrize("path", ["/api/v1/chat/completions", "/chat/completions"])
def test_model_of_others_is_answered_exactly_as_if_unknown(
    guarded: Gateway, narrow: Headers, chat_upstream: FakeUpstream, path: str
) -> None:
    reset(chat_upstream)
    told = []
    for model in (CODE, ALIAS, "absent"):
        answer = guarded.post(path, chat_body(model=model), headers=narrow)
        error = refusal(answer, 404)
        told.append({**error, "message": error["message"].replace(model, "X")})
    assert told[0] == told[1] == told[2]
    assert told[0]["message"].endswith(f"available: {CHAT}, {EMBED}")
    allowed = guarded.post(path, chat_body(model=CHAT), headers=narrow)
    assert allowed.status_code == 200


def test_model_of_others_is_unknown_in_ollamas_words_too(
    guarded: Gateway, narrow: Headers
) -> None:
    for model in (CODE, f"{CODE}:latest", CODE.upper(), "absent"):
        for path, body in (("chat", {}), ("generate", {"prompt": "x"})):
            answer = guarded.post(
                f"/ollama/api/{path}", {"model": model, **body}, headers=narrow
            )
            assert problem(answer, 404) == f"model '{model}' not found"
        answer = guarded.post("/ollama/api/pull", {"model": model}, headers=narrow)
        assert problem(answer, 404) == f"model '{model}' not found"
        answer = guarded.post("/ollama/api/show", {"model": model}, headers=narrow)
        shown = model if model.endswith(":latest") else f"{model}:latest"
        assert problem(answer, 404) == f"model '{shown}' not found"
    loaded = guarded.post("/ollama/api/chat", {"model": CHAT.upper()}, headers=narrow)
    assert loaded.json()["done_reason"] == "load"


def test_one_entry_of_the_list_is_shown_by_the_same_rule(
    guarded: Gateway, narrow: Headers
) -> None:
    assert guarded.get(f"/v1/models/{CHAT}", headers=narrow).status_code == 200
    assert guarded.get(f"/v1/models/{CODE}", headers=narrow).status_code == 404


def test_service_that_a_key_does_not_open_has_no_models_for_it(
    guarded: Gateway, ollamas: Headers
) -> None:
    for path in ("/v1/models", "/models", "/api/v1/models"):
        assert names(guarded, path, ollamas) == set()
    for path in ("/v1", "", "/api/v1"):
        body = chat_body(model=CHAT)
        answer = guarded.post(f"{path}/chat/completions", body, headers=ollamas)
        assert refusal(answer, 404)["message"].endswith("available: none")
    assert len(names(guarded, "/ollama/api/tags", ollamas)) == 5
    assert len(names(guarded, "/ollama/v1/models", ollamas)) == 5
    loaded = guarded.post("/ollama/api/chat", {"model": CHAT}, headers=ollamas)
    assert loaded.json()["done_reason"] == "load"


def test_key_for_another_service_finds_no_model_at_ollama(guarded: Gateway) -> None:
    headers = holding(guarded, {"services": ["v1"]})
    assert len(names(guarded, "/models", headers)) == 5
    assert len(names(guarded, "/llm/v1/models", headers)) == 5
    assert names(guarded, "/ollama/api/tags", headers) == set()
    answer = guarded.post("/ollama/api/chat", {"model": CHAT}, headers=headers)
    assert problem(answer, 404) == f"model '{CHAT}' not found"
