"""What the gateway knows of its upstreams' models, and what it does while it knows nothing."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from flask import Flask

from llmwrap.app import create_app
from llmwrap.settings.values import PoolSettings, Server, Settings, UpstreamSettings
from tests.fakes import FakeUpstream, json_answer, models, refusing_url, wait
from tests.gateway import Gateway, serving
from tests.web.surface import Body, Watched, answer_chat, refusal

BOUND_S = 10
POLL_S = 0.02


def pool(name: str, pattern: str, *upstreams: Body, kind: str = "chat") -> Body:
    return {"name": name, "kind": kind, "models": [pattern], "upstreams": [*upstreams]}


def upstream(name: str, url: str) -> Body:
    return {"name": name, "url": f"{url}/v1"}


def body_of(model: str) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def listing() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=("known-a", "foreign")) as fake:
        fake.chat(answer_chat)
        yield fake


@pytest.fixture(scope="module")
def silent() -> Iterator[FakeUpstream]:
    """It answers, but cannot list its models."""
    with FakeUpstream() as fake:
        fake.on("GET", "/v1/models", json_answer(500, {}))
        fake.chat(answer_chat)
        yield fake


@pytest.fixture(scope="module")
def gateway(
    server: str, listing: FakeUpstream, silent: FakeUpstream
) -> Iterator[Gateway]:
    """Chat: one upstream lists, one cannot. Code: nobody is there. Embed: no pool."""
    with refusing_url() as dead:
        pools = [
            pool("known", "known-*", upstream("listing", listing.url)),
            pool("silent", "silent-*", upstream("silent", silent.url)),
            pool(
                "half",
                "foreign",
                upstream("half-1", listing.url),
                upstream("half-2", silent.url),
            ),
            pool("dead", "dead-*", upstream("dead", dead), kind="code"),
        ]
        with serving({"pools": pools}, server=server) as made:
            yield made


@pytest.mark.parametrize("prefix", ["/api/v1", "/chat/v1", "/v1", ""])
def test_models_of_silent_upstreams_are_left_out_of_the_list(
    gateway: Gateway, prefix: str
) -> None:
    listed = gateway.get(f"{prefix}/models")
    assert listed.status_code == 200
    ids = [entry["id"] for entry in listed.json()["data"]]
    assert {"known-a", "foreign"} <= set(ids) <= {"known-a", "known-new", "foreign"}


def test_list_of_a_service_whose_upstreams_are_all_silent_is_502(
    gateway: Gateway,
) -> None:
    assert (
        refusal(gateway.get("/code/v1/models"), 502)["code"] == "upstream_unreachable"
    )


def test_list_of_a_service_without_pools_is_empty(gateway: Gateway) -> None:
    answer = gateway.get("/embed/v1/models")
    assert answer.status_code == 200
    assert answer.json() == {"object": "list", "data": []}


def test_name_of_the_family_is_passed_on_while_nobody_has_listed(
    gateway: Gateway, silent: FakeUpstream
) -> None:
    watched = Watched.now(silent)
    answer = gateway.post("/api/v1/chat/completions", body_of("silent-x"))
    assert answer.status_code == 200
    assert watched.request.json()["model"] == "silent-x"


def test_upstream_that_listed_is_preferred_to_one_that_did_not(
    gateway: Gateway, listing: FakeUpstream, silent: FakeUpstream
) -> None:
    watched, unheard = Watched.now(listing), Watched.now(silent)
    for _ in range(4):
        answer = gateway.post("/api/v1/chat/completions", body_of("foreign"))
        assert answer.status_code == 200
    assert (len(watched.requests), unheard.requests) == (4, [])


def test_name_of_the_family_that_is_not_listed_is_404(
    gateway: Gateway, listing: FakeUpstream
) -> None:
    watched = Watched.now(listing)
    answer = gateway.post("/api/v1/chat/completions", body_of("known-b"))
    assert refusal(answer, 404)["code"] == "model_not_found"
    assert watched.requests == []


def test_name_that_no_family_has_is_404_though_an_upstream_lists_it(
    gateway: Gateway,
) -> None:
    answer = gateway.post("/chat/v1/chat/completions", body_of("foreign-2"))
    assert refusal(answer, 404)


def test_model_that_is_new_upstream_is_found_after_it_was_missed(
    gateway: Gateway, listing: FakeUpstream
) -> None:
    """A miss wakes the refresher, long before its time."""
    listing.on("GET", "/v1/models", models("known-a", "known-new", "foreign"))
    pause = Event()
    for _ in range(round(BOUND_S / POLL_S)):
        answer = gateway.post("/api/v1/chat/completions", body_of("known-new"))
        if answer.status_code == 200:
            break
        assert refusal(answer, 404)
        pause.wait(POLL_S)
    assert answer.json()["model"] == "known-new"


def test_unreachable_upstream_of_a_family_is_502(gateway: Gateway) -> None:
    answer = gateway.post("/code/v1/chat/completions", body_of("dead-x"))
    assert refusal(answer, 502)["code"] == "upstream_unreachable"


@pytest.fixture
def hearing(tmp_path: Path, listing: FakeUpstream) -> Iterator[tuple[Flask, Event]]:
    """An application whose upstream lists its models once the event is set."""
    gate = Event()
    with FakeUpstream() as fake:
        fake.on("GET", "/v1/models", [wait(gate), *models("known-a")])
        upstreams = (UpstreamSettings("u", f"{fake.url}/v1"),)
        pool = PoolSettings("p", "chat", ("*",), upstreams)
        app = create_app(Settings(server=Server(data_dir=str(tmp_path)), pools=(pool,)))
        gateway = app.extensions["llmwrap"]
        gateway.start()
        fake.wait_for_requests(1)
        try:
            yield app, gate
        finally:
            gate.set()
            gateway.stop()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/known-a"])
def test_nothing_is_told_of_models_before_the_first_list_has_come(
    hearing: tuple[Flask, Event], path: str
) -> None:
    """An empty list, or a 404, would be a lie that clients keep."""
    app, gate = hearing
    client = app.test_client()
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["error"]["code"] == "no_healthy_upstream"
    gate.set()
    pause = Event()
    for _ in range(round(BOUND_S / POLL_S)):
        if app.extensions["llmwrap"].catalog.ready:
            break
        pause.wait(POLL_S)
    assert "known-a" in client.get(path).get_data(as_text=True)


@pytest.mark.parametrize("path", ["tags", "ps", "show"])
def test_nothing_is_told_to_ollama_clients_before_that_either(
    hearing: tuple[Flask, Event], path: str
) -> None:
    app, _ = hearing
    asked = {"json": {"model": "known-a"}, "method": "POST"} if path == "show" else {}
    answer = app.test_client().open(f"/ollama/api/{path}", **asked)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
