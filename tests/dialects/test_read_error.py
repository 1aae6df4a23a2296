"""What an upstream's error answer means for the client, in every shape that occurs."""

import json
from typing import Any

import pytest

from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import (
    GatewayError,
    ModelLoading,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamMute,
    UpstreamNotReady,
    UpstreamOverloaded,
    UpstreamPathMissing,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRedirected,
    UpstreamRefusal,
    UpstreamSlow,
    UpstreamUnavailable,
)
from tests.dialects.streams import stream_request

SHAPES: dict[str, Any] = {
    "openai": {"error": {"message": "no", "type": "t", "param": None, "code": None}},
    "vllm before 0.10.1": {
        "object": "error",
        "message": "no",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    },
    "vllm 0.10.1": {
        "error": {
            "message": "no",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        }
    },
    "vllm key": {"error": "no"},
    "llama.cpp": {
        "error": {"code": 400, "message": "no", "type": "invalid_request_error"}
    },
    "tgi": {"error": "no", "error_type": "validation"},
    "tei": {"message": "no", "type": "Validation", "code": 422},
    "ollama": {
        "error": {"message": "no", "type": "api_error", "param": None, "code": None}
    },
    "detail": {"detail": "no"},
    "fastapi": {"detail": [{"loc": ["body", "n"], "msg": "no", "type": "int_parsing"}]},
    "list": [{"message": "no"}],
}

each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def _read(status: int, body: Any) -> GatewayError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OpenAI().read_error(status, data)


def _facts(error: GatewayError) -> tuple[object, ...]:
    return type(error), error.status, error.code, error.fault


STATUSES = [
    (400, UpstreamRefusal, 400, "invalid_value", "caller"),
    (402, UpstreamRefusal, 402, "invalid_value", "caller"),
    (404, UpstreamModelMissing, 404, "model_not_found", "upstream"),
    (405, UpstreamRefusal, 405, "invalid_value", "caller"),
    (409, UpstreamRefusal, 409, "invalid_value", "caller"),
    (413, UpstreamRefusal, 413, "request_too_large", "caller"),
    (415, UpstreamRefusal, 415, "invalid_value", "caller"),
    (422, UpstreamRefusal, 400, "invalid_value", "caller"),
    (501, UpstreamRefusal, 501, "unsupported_parameter", "caller"),
    (408, UpstreamSlow, 504, "upstream_timeout", "upstream"),
    (425, UpstreamSlow, 504, "upstream_timeout", "upstream"),
    (429, UpstreamRateLimited, 429, "upstream_rate_limited", "upstream"),
    (424, UpstreamError, 502, "upstream_error", "upstream"),
    (500, UpstreamError, 502, "upstream_error", "upstream"),
    (505, UpstreamError, 502, "upstream_error", "upstream"),
    (502, UpstreamUnavailable, 502, "upstream_error", "upstream"),
    (504, UpstreamUnavailable, 502, "upstream_error", "upstream"),
    (520, UpstreamUnavailable, 502, "upstream_error", "upstream"),
    (524, UpstreamUnavailable, 502, "upstream_error", "upstream"),
    (525, UpstreamError, 502, "upstream_error", "upstream"),
    (503, UpstreamNotReady, 503, "overloaded", "upstream"),
    (529, UpstreamOverloaded, 503, "overloaded", "upstream"),
]


@each_shape
@pytest.mark.parametrize("facts", STATUSES, ids=lambda facts: str(facts[0]))
def test_status_decides_and_the_text_is_kept(
    facts: tuple[Any, ...], shape: Any
) -> None:
    status, kind, *told = facts
    error = _read(status, shape)
    assert _facts(error) == (kind, *told)
    assert error.message == "no"


@pytest.mark.parametrize(
    "text",
    [
        "Not Found",
        "404 page not found",
        "File Not Found",
        "Cannot POST /chat/completions",
    ],
)
def test_path_that_is_not_there_says_nothing_about_the_model(text: str) -> None:
    error = _read(404, {"detail": text})
    assert _facts(error) == (
        UpstreamPathMissing,
        502,
        "upstream_protocol_error",
        "upstream",
    )
    assert "/v1" in error.message


@each_shape
@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_of_ours_is_never_shown_as_the_callers(
    status: int, shape: Any
) -> None:
    error = _read(status, shape)
    assert _facts(error) == (
        UpstreamAuthFailed,
        502,
        "upstream_auth_failed",
        "upstream",
    )
    assert error.message == "the upstream refused this gateway's own credential"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, UpstreamProtocolError),
        (301, UpstreamRedirected),
        (302, UpstreamRedirected),
        (307, UpstreamRedirected),
        (308, UpstreamRedirected),
    ],
)
def test_status_that_answers_nothing_is_a_protocol_error(
    status: int, kind: type[GatewayError]
) -> None:
    error = _read(status, b"")
    assert _facts(error) == (kind, 502, "upstream_protocol_error", "upstream")
    assert error.message == f"the upstream answered with status {status}"


@pytest.mark.parametrize("status", [424, 500, 505, 525])
@pytest.mark.parametrize("body", [b"", b"<h1>500</h1>", b"{}", b'{"error":{}}'])
def test_failure_without_a_word_may_be_a_crash(status: int, body: bytes) -> None:
    """The poison guard looks at it: the request may have killed the model server."""
    error = _read(status, body)
    assert _facts(error) == (UpstreamMute, 502, "upstream_error", "upstream")


@pytest.mark.parametrize("status", [502, 504, 520, 524])
def test_gateway_before_the_model_server_is_no_crash_without_a_word(
    status: int,
) -> None:
    error = _read(status, b"")
    assert type(error) is UpstreamUnavailable
    assert error.message == f"the upstream failed with status {status}"


@pytest.mark.parametrize("status", [429, 503, 529])
def test_busy_upstream_is_to_be_asked_again_in_seconds(status: int) -> None:
    assert _read(status, b"").retry_after_s == 5
    assert _read(500, b"").retry_after_s is None


def test_llama_cpp_that_loads_its_model_says_so() -> None:
    body = {
        "error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}
    }
    error = _read(503, body)
    assert _facts(error) == (ModelLoading, 503, "model_loading", "upstream")
    assert error.message == "Loading model"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><h1>502 at 10.0.0.1</h1></html>", b"\xff\xfe", b"null", b"7", b"[]"],
)
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "the upstream refused the request with status 400"),
        (413, "the upstream refused the request with status 413"),
        (422, "the upstream refused the request with status 400"),
        (408, "the upstream timed out"),
        (404, "the upstream does not have the model"),
        (429, "the upstream is rate limited"),
        (500, "the upstream failed with status 500, without a word"),
        (502, "the upstream failed with status 502"),
        (503, "the upstream is not ready"),
        (529, "the upstream is overloaded"),
    ],
)
def test_body_without_a_text_gets_ours(status: int, message: str, body: bytes) -> None:
    assert _read(status, body).message == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"CUDA out of memory", "CUDA out of memory"),
        (b" upstream\r\n request timeout\n", "upstream request timeout"),
        (b"see http://10.0.0.1/x", "see [address]"),
        (b"x" * 60_000, "x" * 2000),
        (b'{"error":"\\ud800!"}', "\ufffd!"),
    ],
)
def test_plain_words_are_kept(body: bytes, message: str) -> None:
    error = _read(500, body)
    assert (type(error), error.message) == (UpstreamError, message)


@pytest.mark.parametrize(
    "body",
    [
        b"  <!DOCTYPE html>",
        b"Internal Server Error",
        b"Bad Gateway\n",
        b'{"error":{"message":"cut',
        b"Traceback (most recent call last):\n  File",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_what_is_no_words_is_not_shown(body: bytes) -> None:
    told = "the upstream failed with status 500, without a word"
    assert _read(500, body).message == told


def test_refusal_keeps_code_and_param_where_they_are_text() -> None:
    told = {
        "message": "too long",
        "param": "messages",
        "code": "context_length_exceeded",
    }
    error = _read(400, {"error": told})
    assert (error.code, error.param) == ("context_length_exceeded", "messages")
    assert error.type == "invalid_request_error"
    error = _read(400, {"error": {"message": "x", "param": ["a"], "code": 7}})
    assert (error.code, error.param) == ("invalid_value", None)
    error = _read(400, {"error": {"message": "x", "code": ""}})
    assert error.code == "invalid_value"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("see http://10.0.0.11:8000/v1/chat?x=1 now", "see [address] now"),
        ("HTTPS://vllm-1.internal", "[address]"),
        ("grpc+unix:///run/vllm.sock", "[address]"),
        ("cannot reach 10.0.0.11:8000.", "cannot reach [address]."),
        ("host 192.168.1.20, port 80", "host [address], port 80"),
        ("use 3.5 of 4.0.1", "use 3.5 of 4.0.1"),
        ("naïve 🙁", "naïve 🙁"),
    ],
)
def test_addresses_are_taken_out_of_the_text(told: str, message: str) -> None:
    assert _read(500, {"error": told}).message == message


def test_text_is_bounded_and_no_address_survives_the_cut() -> None:
    assert len(_read(500, {"error": "x" * 60_000}).message) == 2000
    at_the_end = "x" * 1994 + " 10.0.0.11 and more"
    assert _read(500, {"error": at_the_end}).message == "x" * 1994 + " [addr"


def test_several_problems_are_told_in_one_text() -> None:
    body = {"detail": [{"msg": "a"}, {"msg": "b"}, {"loc": []}, "c"]}
    assert _read(422, body).message == "a; b; c"


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({"error": {"message": "x", "code": 404}}, 404, "model_not_found"),
        ({"error": {"message": "x", "http_status_code": 422}}, 400, "invalid_value"),
        ({"error": {"message": "x", "status": 503}}, 503, "overloaded"),
        ({"error": {"message": "x", "status_code": 401}}, 502, "upstream_auth_failed"),
        (
            {"error": {"message": "x", "code": "rate_limit_exceeded"}},
            429,
            "upstream_rate_limited",
        ),
        (
            {"error": {"message": "x", "code": "insufficient_quota"}},
            429,
            "upstream_rate_limited",
        ),
        (
            {"error": {"message": "x", "code": "server_is_overloaded"}},
            503,
            "overloaded",
        ),
        ({"error": {"message": "x", "type": "overloaded_error"}}, 503, "overloaded"),
        (
            {"error": {"message": "x", "type": "invalid_request_error", "code": "c"}},
            400,
            "c",
        ),
        ({"error": {"message": "x", "code": 200}}, 502, "upstream_error"),
        ({"error": {"message": "x", "code": True}}, 502, "upstream_error"),
        ({"error": "x"}, 502, "upstream_error"),
        ({"object": "error", "message": "x", "code": 400}, 400, "invalid_value"),
    ],
)
def test_error_under_status_200_means_what_it_says(
    event: dict[str, Any], status: int, code: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        OpenAI().pass_answer(stream_request(), json.dumps(event).encode())
    assert (caught.value.status, caught.value.code) == (status, code)
