"""Looking for model servers, against small real servers on ports of their own."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic

import pytest

from llmwrap.demo import DemoUpstream
from llmwrap.discovery import (
    LOOPBACK_PROBES,
    Found,
    Probe,
    _fetch_object,
    discover,
    pools_from,
)
from llmwrap.settings.values import Kind

Serve = Callable[..., int]


class _Scripted(BaseHTTPRequestHandler):
    """Answers each path with the body that the server has for it, else 404."""

    server: "ScriptedServer"

    def do_GET(self) -> None:
        body = self.server.bodies.get(self.path)
        self.send_response(self.server.status if body is not None else 404)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class ScriptedServer(ThreadingHTTPServer):
    """A small server on a loopback port of its own."""

    def __init__(
        self, bodies: Mapping[str, bytes], status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Scripted)
        self.bodies = bodies
        self.status = status
        self.headers = headers


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers from {path: body}; returns the port."""
    running: list[tuple[ScriptedServer, Thread]] = []

    def start(
        bodies: Mapping[str, object],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        raw = {
            path: body if isinstance(body, bytes) else json.dumps(body).encode()
            for path, body in bodies.items()
        }
        server = ScriptedServer(raw, status, headers or {})
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        running.append((server, thread))
        return int(server.server_address[1])

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose backlog accepts and where nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def look(*probes: Probe, own_port: int | None = None) -> tuple[Found, ...]:
    """Discover with time limits that a busy machine keeps."""
    patient = [replace(probe, silence_s=20) for probe in probes]
    return discover(own_port, patient, total_s=20)


def models(*names: str, owner: str = "") -> dict[str, object]:
    said = {"owned_by": owner} if owner else {}
    data = [{"id": name, "object": "model", **said} for name in names]
    return {"object": "list", "data": data}


def test_default_ports() -> None:
    assert [(probe.port, probe.product) for probe in LOOPBACK_PROBES] == [
        (11434, "ollama"),
        (8000, ""),
        (8080, ""),
        (1234, "lmstudio"),
    ]


def test_openai_compatible_server_is_named_by_its_models(serve: Serve) -> None:
    port = serve({"/v1/models": models("Qwen/Qwen3-8B", owner="vllm")})
    assert look(Probe(port)) == (
        Found("vllm", f"http://127.0.0.1:{port}/v1", {"Qwen/Qwen3-8B": "chat"}),
    )


def test_server_whose_models_say_nothing_is_local(serve: Serve) -> None:
    port = serve({"/v1/models": models("mlx-community/gemma")})
    assert [found.product for found in look(Probe(port))] == ["local"]


def test_product_of_the_port_stands_over_what_the_models_say(serve: Serve) -> None:
    port = serve({"/v1/models": models("gpt-oss", owner="organization_owner")})
    found = look(Probe(port, "lmstudio"))
    assert [server.product for server in found] == ["lmstudio"]


VERSION = {"/api/version": {"version": "0.33.0"}}
CHATS, EMBEDS = ["completion", "tools"], ["embedding"]


def tags(*names: str, **told: list[str]) -> dict[str, object]:
    """The list of an Ollama: models of which nothing is told, and some with capabilities."""
    rows: list[dict[str, object]] = [{"name": name} for name in names]
    rows += [{"name": name, "capabilities": each} for name, each in told.items()]
    return {"models": rows}


def test_ollama_is_adopted_in_its_own_dialect(serve: Serve) -> None:
    port = serve(
        {
            **VERSION,
            "/api/tags": tags("llama3:8b", "nomic-embed-text:latest", "codellama:7b"),
            "/v1/models": models("other"),
        }
    )
    told: Mapping[str, Kind] = {
        "llama3:8b": "chat",
        "nomic-embed-text:latest": "embed",
        "codellama:7b": "code",
    }
    assert look(Probe(port, "ollama", "ollama")) == (
        Found("ollama", f"http://127.0.0.1:{port}", told, "ollama"),
    )


def test_kinds_are_what_ollama_says_before_what_names_say(serve: Serve) -> None:
    listing = tags(
        vectors=EMBEDS,
        embedder=CHATS,
        coder=CHATS,
        both=["completion", "embedding"],
        minilm=["image"],
        bge=[],
    )
    port = serve({**VERSION, "/api/tags": listing})
    (found,) = look(Probe(port, "ollama", "ollama"))
    assert found.models == {
        "vectors": "embed",
        "embedder": "chat",
        "coder": "code",
        "both": "chat",
        "minilm": "embed",
        "bge": "embed",
    }


@pytest.mark.parametrize("version", [{"name": "other"}, ["0.13.0"], b"0.13.0"])
def test_port_of_ollama_without_its_version_is_not_adopted(
    serve: Serve, version: object
) -> None:
    port = serve({"/api/version": version, "/api/tags": tags("llama3:8b")})
    assert look(Probe(port, "ollama", "ollama")) == ()


@pytest.mark.parametrize("listing", [{}, {"models": None}, {"models": {}}, [], b"<"])
def test_port_of_ollama_without_its_list_is_not_adopted(
    serve: Serve, listing: object
) -> None:
    port = serve({**VERSION, "/api/tags": listing, "/v1/models": models("a")})
    assert look(Probe(port, "ollama", "ollama")) == ()


def test_server_without_models_is_found_but_gives_no_pool(serve: Serve) -> None:
    port = serve({"/v1/models": models()})
    found = look(Probe(port))
    assert [tuple(server.models) for server in found] == [()]
    assert pools_from(found) == []


def test_silent_server_is_given_up(silent_port: int) -> None:
    started = monotonic()
    assert discover(None, [Probe(silent_port, silence_s=0.05)], total_s=60) == ()
    assert monotonic() - started < 30


def test_silent_server_does_not_hold_up_the_others(
    serve: Serve, silent_port: int
) -> None:
    port = serve({"/v1/models": models("a", owner="vllm")})
    probes = [Probe(silent_port, silence_s=60), Probe(port, silence_s=60)]
    started = monotonic()
    found = discover(None, probes, total_s=1)
    assert [tuple(server.models) for server in found] == [("a",)]
    assert monotonic() - started < 30


def test_answer_after_the_deadline_is_dropped(serve: Serve) -> None:
    url = f"http://127.0.0.1:{serve({'/v1/models': models('a')})}/v1/models"
    assert _fetch_object(url, 20, deadline=monotonic() + 60) == models("a")
    assert _fetch_object(url, 20, deadline=monotonic()) is None


def test_closed_port_is_not_adopted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert look(Probe(port)) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><title>Hello</title>",
        b"",
        b"[]",
        b"\xff",
        b'{"data": {}}',
        b'{"data": [{"id": "a"}], "pad": "' + b"x" * 1_048_576 + b'"}',
    ],
)
def test_other_answers_are_not_adopted(serve: Serve, body: bytes) -> None:
    assert look(Probe(serve({"/v1/models": body}))) == ()


def test_answer_that_breaks_off_is_not_adopted(serve: Serve) -> None:
    whole = models("a")
    port = serve({"/v1/models": whole}, headers={"Content-Length": "1000"})
    assert look(Probe(port)) == ()


def test_broken_chunked_answer_is_not_adopted(serve: Serve) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    port = serve({"/v1/models": b"not a chunk\r\n"}, headers=headers)
    assert look(Probe(port)) == ()


@pytest.mark.parametrize("status", [204, 401, 404, 500])
def test_other_status_is_not_adopted(serve: Serve, status: int) -> None:
    port = serve({"/v1/models": models("a")}, status=status)
    assert look(Probe(port)) == ()


def test_redirect_is_not_followed(serve: Serve) -> None:
    there = serve({"/v1/models": models("a")})
    location = {"Location": f"http://127.0.0.1:{there}/v1/models"}
    here = serve({"/v1/models": b""}, status=302, headers=location)
    assert look(Probe(here)) == ()


def test_proxy_of_the_environment_is_not_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    port = serve({"/v1/models": models("a")})
    assert len(look(Probe(port))) == 1


def test_own_port_is_not_asked(serve: Serve) -> None:
    own = serve({"/v1/models": models("a")})
    other = serve({"/v1/models": models("b")})
    found = look(Probe(own), Probe(other), own_port=own)
    assert [tuple(server.models) for server in found] == [("b",)]


def test_demo_of_another_gateway_is_not_adopted(demo_port: int) -> None:
    assert look(Probe(demo_port)) == ()


@pytest.fixture
def demo_port() -> Iterator[int]:
    upstream = DemoUpstream()
    upstream.start()
    yield int(upstream.url.removesuffix("/v1").rpartition(":")[2])
    upstream.close()


def test_gateway_of_our_kind_is_known_by_its_headers(serve: Serve) -> None:
    headers = {"x-request-id": "1", "X-LLMwrap-Service": "v1"}
    port = serve({"/v1/models": models("a", owner="vllm")}, headers=headers)
    assert look(Probe(port)) == ()


def test_names_that_cannot_be_shown_are_left_out(serve: Serve) -> None:
    data = [{"id": "\x1b[2Jx"}, {"id": ""}, {"id": 7}, {}, "a", {"id": "good"}]
    port = serve({"/v1/models": {"data": data}})
    assert [tuple(server.models) for server in look(Probe(port))] == [("good",)]


def test_servers_come_in_the_order_of_the_probes(serve: Serve) -> None:
    ports = [serve({"/v1/models": models(name)}) for name in ("a", "b", "c")]
    found = look(*map(Probe, ports))
    assert [tuple(server.models) for server in found] == [("a",), ("b",), ("c",)]
