"""Paths and methods: spellings, probes, and JSON for whatever is not there (C04, C07, C11)."""

import pytest

from tests.gateway import Gateway, read_answer
from tests.web.surface import (
    GENERATING,
    POST_ROUTES,
    PREFIXES,
    Stage,
    body_for,
    chat_body,
    refusal,
)

PROBES = ("/health", "/healthz", "/health/liveness", "/health/liveliness")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_slashes_too_many_do_not_matter_to_get(gateway: Gateway, prefix: str) -> None:
    plain = gateway.get(f"{prefix}/models")
    for path in (f"{prefix}/models/", f"{prefix}//models", f"{prefix}//models//"):
        answer = gateway.get(path)
        assert answer.status_code == 200, path
        assert answer.json() == plain.json()


@pytest.mark.parametrize("route", POST_ROUTES)
def test_slashes_too_many_do_not_matter_to_post(stage: Stage, route: str) -> None:
    prefix, _, name = route.rpartition("/")
    for path in (f"{route}/", f"{prefix}//{name}"):
        assert stage.gateway.post(path, body_for(route)).status_code == 200, path
    assert stage.asked == 2


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_unknown_path_is_404_in_json(
    gateway: Gateway, prefix: str, method: str
) -> None:
    answer = gateway.request(method, f"{prefix}/nope")
    error = refusal(answer, 404)
    assert error == {
        "message": f"there is nothing at {prefix}/nope",
        "type": "invalid_request_error",
        "param": None,
        "code": "not_found",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/chat/v1/embeddings",
        "/code/v1/embeddings",
        "/embed/v1/chat/completions",
        "/embed/v1/completions",
    ],
)
def test_operation_that_a_service_lacks_is_404(gateway: Gateway, path: str) -> None:
    assert refusal(gateway.post(path, {}), 404)["code"] == "not_found"


@pytest.mark.parametrize("route", POST_ROUTES)
def test_wrong_method_is_405_with_what_is_allowed(gateway: Gateway, route: str) -> None:
    answer = gateway.get(route)
    assert refusal(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(stage: Stage, method: str) -> None:
    answer = stage.gateway.request(method, "/v1/chat/completions")
    assert refusal(answer, 405)["code"] == "method_not_allowed"
    assert stage.asked == 0


def test_method_cannot_be_overridden_by_a_header(stage: Stage) -> None:
    headers = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
    answer = stage.gateway.get("/v1/chat/completions", headers=headers)
    assert refusal(answer, 405)["code"] == "method_not_allowed"
    assert stage.asked == 0


def test_head_of_a_post_route_is_405_without_a_body(gateway: Gateway) -> None:
    answer = gateway.request("HEAD", "/v1/chat/completions")
    assert answer.status_code == 405
    assert answer.content == b""


@pytest.mark.parametrize(
    "path", ["/", *PROBES, "/readyz", *(f"{prefix}/models" for prefix in PREFIXES)]
)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_probe_methods_are_answered(gateway: Gateway, path: str, method: str) -> None:
    answer = gateway.request(method, path)
    assert answer.status_code == 200
    assert answer.content == b""


def test_options_says_what_a_route_allows(gateway: Gateway) -> None:
    answer = gateway.request("OPTIONS", "/v1/chat/completions")
    assert answer.status_code == 200
    assert sorted(answer.headers["Allow"].split(", ")) == ["OPTIONS", "POST"]


def test_root_says_what_older_clients_look_for(gateway: Gateway) -> None:
    answer = gateway.get("/")
    assert answer.status_code == 200
    assert answer.json() == {"message": "FastAPI is running"}


@pytest.mark.parametrize("path", PROBES)
def test_liveness_is_ok(gateway: Gateway, path: str) -> None:
    answer = gateway.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/readyz", "/health/readiness"])
def test_readiness_is_ready(gateway: Gateway, path: str) -> None:
    answer = gateway.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready"}


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/json; charset=utf-8"]
)
def test_content_type_is_not_looked_at(stage: Stage, content_type: str | None) -> None:
    """C09."""
    answer = stage.gateway.post(
        "/v1/chat/completions", chat_body(), headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200


def test_query_is_ignored(stage: Stage) -> None:
    answer = stage.gateway.post("/v1/chat/completions?api-version=1", chat_body())
    assert answer.status_code == 200
    assert stage.chat.request.target == "/v1/chat/completions"


def test_path_that_is_no_utf_8_is_404(gateway: Gateway) -> None:
    assert refusal(gateway.get("/v1/%ff%fe"), 404)["code"] == "not_found"


def test_client_of_http_1_0_is_served(stage: Stage) -> None:
    with stage.gateway.raw() as sock:
        sock.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        answer = read_answer(sock, "GET")
        assert answer.status == 200
        assert sock.recv(1) == b""


def test_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    one = b"GET %s HTTP/1.1\r\nHost: gateway\r\n%s\r\n"
    with gateway.raw() as sock:
        sock.sendall(
            one % (b"/health", b"") + one % (b"/nope", b"Connection: close\r\n")
        )
        sock.settimeout(5)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    first, second = received.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"404 ")


@pytest.mark.parametrize("prefix", GENERATING)
def test_model_in_a_path_that_is_not_there_costs_nothing(
    stage: Stage, prefix: str
) -> None:
    assert refusal(stage.gateway.post(f"{prefix}/chat", chat_body()), 404)
    assert stage.asked == 0
