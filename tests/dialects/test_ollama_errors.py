"""Errors in Ollama's shape: what a client is told, and what an upstream's answer means."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from llmwrap.errors import (
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    ModelNotFound,
    NoHealthyUpstream,
    NotFound,
    RateLimited,
    RequestTooLarge,
    Unauthenticated,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamMute,
    UpstreamNotReady,
    UpstreamOverloaded,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRedirected,
    UpstreamRefusal,
    UpstreamSlow,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from llmwrap.settings.values import OLLAMA_SERVICE
from tests.dialects.ollama import OLLAMA

RENDERED: list[tuple[GatewayError, int, str]] = [
    (InvalidRequest("no"), 400, "no"),
    (RequestTooLarge("too large"), 413, "too large"),
    (RateLimited("slow down"), 429, "slow down"),
    (NotFound("there is nothing at /ollama/api/nope"), 404, "404 page not found"),
    (MethodNotAllowed("GET is not allowed here"), 405, "405 method not allowed"),
    (Unauthenticated("the key is not known"), 401, "unauthorized"),
    (NoHealthyUpstream("none"), 503, "none"),
    (UpstreamTimeout("late"), 504, "late"),
    (UpstreamRefusal(413, "x", "too long"), 413, "too long"),
    (UpstreamAuthFailed("refused"), 502, "refused"),
    (ModelNotFound("model 'x' is not served"), 404, "model 'x' is not served"),
    (
        ModelNotFound("m", model="x:8b", operation="chat"),
        404,
        "model 'x:8b' not found",
    ),
    (
        ModelNotFound("m", model="x", operation="embeddings"),
        404,
        'model "x" not found, try pulling it first',
    ),
]


@pytest.mark.parametrize(("error", "status", "told"), RENDERED)
def test_error_is_one_string_in_json(
    error: GatewayError, status: int, told: str
) -> None:  # C05, C07, C44, C46
    got, headers, body = OLLAMA.render_error(error, OLLAMA_SERVICE)
    assert got == status
    assert headers == (("Content-Type", "application/json; charset=utf-8"),)
    assert orjson.loads(body) == {"error": told}


def test_error_is_ascii_on_one_line() -> None:
    _, _, body = OLLAMA.render_error(InvalidRequest('a"\n\u2028é'), OLLAMA_SERVICE)
    assert body == rb'{"error":"a\"\n\u2028\u00e9"}'


def test_service_may_have_a_status_of_its_own_for_failing_upstreams() -> None:
    service = replace(OLLAMA_SERVICE, upstream_error_status=500)
    assert OLLAMA.render_error(UpstreamError("x"), service)[0] == 500
    assert OLLAMA.render_error(NoHealthyUpstream("x"), service)[0] == 503
    assert OLLAMA.render_error(UpstreamRefusal(404, "x", "y"), service)[0] == 404


def test_vllm_without_a_tool_parser_does_not_support_tools() -> None:  # C51
    said = (
        '"auto" tool choice requires --enable-auto-tool-choice'
        " and --tool-call-parser to be set"
    )
    error = UpstreamRefusal(400, "invalid_value", said)
    _, _, body = OLLAMA.render_error(error, OLLAMA_SERVICE)
    assert orjson.loads(body) == {"error": "the model does not support tools"}


STATUSES: list[tuple[int, type[GatewayError], int]] = [
    (400, UpstreamRefusal, 400),
    (401, UpstreamAuthFailed, 502),
    (403, UpstreamAuthFailed, 502),
    (404, UpstreamModelMissing, 404),
    (408, UpstreamSlow, 504),
    (413, UpstreamRefusal, 413),
    (422, UpstreamRefusal, 400),
    (429, UpstreamRateLimited, 429),
    (499, UpstreamRefusal, 499),
    (500, UpstreamError, 502),
    (501, UpstreamRefusal, 501),
    (502, UpstreamUnavailable, 502),
    (503, UpstreamOverloaded, 503),
    (504, UpstreamUnavailable, 502),
    (524, UpstreamUnavailable, 502),
    (302, UpstreamRedirected, 502),
    (204, UpstreamProtocolError, 502),
]


@pytest.mark.parametrize(("status", "kind", "told"), STATUSES)
def test_status_of_an_upstream_says_what_failed(
    status: int, kind: type[GatewayError], told: int
) -> None:  # C38
    error = OLLAMA.read_error(status, b'{"error":"no"}')
    assert type(error) is kind
    assert error.status == told


SHAPES: list[Any] = [
    {"error": "no"},
    {"error": {"message": "no"}},
    {"message": "no"},
    {"detail": "no"},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_text_is_found_in_every_shape(shape: Any) -> None:
    assert OLLAMA.read_error(400, orjson.dumps(shape)).message == "no"
    assert OLLAMA.read_error(500, orjson.dumps(shape)).message == "no"


WORDLESS = [b"", b"<html>502</html>", b"[]", b'{"error":{}}', b'{"error":["x"]}']


@pytest.mark.parametrize("body", WORDLESS)
def test_answer_without_a_word_gets_ours(body: bytes) -> None:
    told = "the upstream refused the request with status 400"
    assert OLLAMA.read_error(400, body).message == told
    assert type(OLLAMA.read_error(500, body)) is UpstreamMute
    assert type(OLLAMA.read_error(503, body)) is UpstreamNotReady


def test_plain_words_are_kept() -> None:
    assert OLLAMA.read_error(500, b"out of memory").message == "out of memory"
    assert OLLAMA.read_error(400, b"no http://10.0.0.1").message == "no [address]"


def test_proxy_without_a_server_is_no_full_queue() -> None:
    error = OLLAMA.read_error(503, b"no available server")
    assert (type(error), error.message) == (UpstreamNotReady, "no available server")
    assert error.retry_after_s == 5


TOO_LONG = [
    (
        400,
        "This model's maximum context length is 512 tokens. However, you requested 600"
        " tokens in the input for embedding generation. Please reduce the length of the"
        " input.",
    ),
    (
        400,
        "This model's maximum context length is 8192 tokens, however you requested 9000"
        " tokens (9000 in your prompt; 0 for the completion).",
    ),
    (
        400,
        "You passed 513 input tokens and requested 0 output tokens. However, the model's"
        " context length is only 512 tokens.",
    ),
    (413, "`inputs` must have less than 512 tokens. Given: 600"),
    (
        413,
        "Input validation error: `inputs` must have less than 512 tokens. Given: 600",
    ),
]


@pytest.mark.parametrize(("status", "said"), TOO_LONG)
def test_text_too_long_for_a_vector_is_told_of_as_ollama_does(
    status: int, said: str
) -> None:
    error = UpstreamRefusal(status, "invalid_value", said)
    told, _, body = OLLAMA.render_error(error, OLLAMA_SERVICE)
    words = {"error": "the input length exceeds the context length"}
    assert (told, orjson.loads(body)) == (400, words)


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5096"
        " tokens (4000 in the messages, 1096 in the completion).",
        "This model's maximum context length is 4096 tokens, however you requested 5096"
        " tokens (4000 in your prompt; 1096 for the completion).",
        "This model's maximum context length is 4096 tokens. However, your request has"
        " 5000 input tokens.",
    ],
)
def test_chat_too_long_keeps_its_text(said: str) -> None:
    error = UpstreamRefusal(400, "invalid_value", said)
    _, _, body = OLLAMA.render_error(error, OLLAMA_SERVICE)
    assert orjson.loads(body) == {"error": said}


def test_credentials_text_of_an_upstream_is_not_passed_on() -> None:
    error = OLLAMA.read_error(401, b'{"error":"key sk-123 is wrong"}')
    assert "sk-123" not in error.message


def test_text_is_bounded_and_tells_no_address() -> None:
    told = b'{"error":"dial tcp 10.0.0.7:11434: see http://ollama.internal/x refused"}'
    message = OLLAMA.read_error(500, told).message
    assert message == "dial tcp [address]: see [address] refused"
    long = orjson.dumps({"error": "x" * 9000})
    assert len(OLLAMA.read_error(500, long).message) == 2000
