"""Every listed name can be asked for, whatever its server calls its models (contract case C04)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import FakeUpstream
from tests.gateway import Gateway, serving
from tests.web.ollama_surface import JSON, client, problem
from tests.web.surface import Watched, reset

IDS = (
    "My Model",
    "C:\\m\\y.gguf",
    "a:b:c",
    "/models/a b.gguf",
    "Größe",
    'x"y',
    "m (1)",
    "foo:",
)
"""As llama.cpp (a path is its model's id), LM Studio and others have them."""

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=IDS) as fake:
        reset(fake)
        yield fake


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream) -> Iterator[Gateway]:
    pool = {
        "name": "odd",
        "kind": "chat",
        "models": ["*"],
        "upstreams": [{"name": "odd-1", "url": f"{upstream.url}/v1"}],
    }
    with serving({"pools": [pool]}) as served:
        yield served


def listed(gateway: Gateway) -> list[str]:
    entries = gateway.get("/ollama/api/tags").json()["models"]
    return [entry["name"] for entry in entries]


def test_every_listed_name_leads_to_its_model(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    names = listed(gateway)
    assert len(names) == len(IDS)
    for name, own in zip(names, IDS, strict=True):
        shown = gateway.post("/ollama/api/show", {"model": name})
        assert shown.status_code == 200, name
        watched = Watched.now(upstream)
        chat: dict[str, Any] = {"messages": HI}
        generate = {"prompt": "Hi", "template": shown.json()["template"]}
        for path, body in (("chat", chat), ("generate", generate)):
            asked = {"model": name, "stream": False, **body}
            answer = gateway.post(f"/ollama/api/{path}", asked)
            assert (answer.status_code, answer.json()["model"]) == (200, name)
            assert answer.headers["Content-Type"] == JSON
        assert [sent.json()["model"] for sent in watched.requests] == [own, own]


@pytest.mark.parametrize("name", IDS)
def test_name_of_the_server_is_one_too(gateway: Gateway, name: str) -> None:
    answer = gateway.post("/ollama/api/chat", {"model": name})
    assert answer.json()["done_reason"] == "load"


def test_odd_name_that_is_not_served_is_unknown(gateway: Gateway) -> None:
    told = problem(gateway.post("/ollama/api/chat", {"model": "a:b:d"}), 404)
    assert told == "model 'a:b:d' not found"


def test_official_client_shows_what_it_was_told_of(gateway: Gateway) -> None:
    with client(gateway) as asking:
        for name in (model.model for model in asking.list().models):
            assert name
            assert asking.show(name).modelinfo
