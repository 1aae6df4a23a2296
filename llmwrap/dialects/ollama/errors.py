"""Errors in Ollama's words: one string, for a client and from an upstream (0.33, 2026-08)."""

import re
from collections.abc import Mapping
from typing import Any

from llmwrap.dialects.base import Headers
from llmwrap.dialects.ollama.ascii_json import quoted
from llmwrap.dialects.statuses import error_of_status, read_error_body, shown
from llmwrap.errors import (
    GatewayError,
    MethodNotAllowed,
    ModelNotFound,
    NotFound,
    Unauthenticated,
    UpstreamNotReady,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRefusal,
)
from llmwrap.settings.values import ServiceSettings

_JSON = (("Content-Type", "application/json; charset=utf-8"),)

_RETRY_AFTER_S = 5

_NOT_READY = "the upstream is not ready"

_WORDS: Mapping[type[GatewayError], str] = {
    NotFound: "404 page not found",
    MethodNotAllowed: "405 method not allowed",
    Unauthenticated: "unauthorized",
}
"""What Ollama says, whatever the reason."""

_SAID_ELSEWHERE = {
    '"auto" tool choice requires --enable-auto-tool-choice': (
        "the model does not support tools"
    ),
}
"""Beginnings of other servers' refusals (vLLM 0.16) -> what Ollama's clients look for."""

_TOO_LONG = re.compile(
    r"This model's maximum context length is \d+ tokens"
    r"(?!.*(?:messages|[1-9]\d* for the completion|output tokens|your request has))"
    r"|You passed \d+ input tokens and requested 0 output tokens\."
    r"|(?:Input validation error: )?`inputs` must have less than \d+ (?:tokens|characters)",
    re.DOTALL,
)
"""How servers refuse a text for a vector: vLLM 0.6-0.16 and OpenAI (2025), vLLM 0.17, TEI 1.

What the first of them say of a chat goes on as it is: it tells how many tokens there were.
"""

_WORDS_OF_TOO_LONG = "the input length exceeds the context length"


def render_error(
    error: GatewayError, service: ServiceSettings
) -> tuple[int, Headers, bytes]:
    """An error answer, always JSON: ollama-js 0.6.4 reads the text of nothing else."""
    status = error.status
    if error.fault == "upstream" and status >= 500:
        status = service.upstream_error_status or status
    if _is_too_long(error):
        status = 400
    return status, _JSON, error_line(error)


def error_line(error: GatewayError) -> bytes:
    """The object alone, in ASCII and on one line."""
    return f'{{"error":{quoted(_message(error))}}}'.encode()


def _message(error: GatewayError) -> str:
    if type(error) in _WORDS:
        return _WORDS[type(error)]
    if isinstance(error, ModelNotFound) and error.model:
        return _not_found(error)
    if _is_too_long(error):
        return _WORDS_OF_TOO_LONG
    for beginning, words in _SAID_ELSEWHERE.items():
        if error.message.startswith(beginning):
            return words
    return error.message


def _is_too_long(error: GatewayError) -> bool:
    refused = isinstance(error, UpstreamRefusal) and error.status in (400, 413)
    return refused and bool(_TOO_LONG.match(error.message))


def _not_found(error: ModelNotFound) -> str:
    """Embeddings say it in words of their own."""
    if error.operation == "embeddings":
        return f'model "{error.model}" not found, try pulling it first'
    return f"model '{error.model}' not found"


def read_error(status: int, body: bytes) -> GatewayError:
    """What an upstream's error answer means; its text is kept, its HTML is not."""
    data = read_error_body(body)
    message = _text(data)
    if status == 503 and isinstance(data, str):  # a proxy's: Ollama says it in JSON
        told = message or _NOT_READY
        return UpstreamNotReady(told, retry_after_s=_RETRY_AFTER_S)
    return error_of(status, message)


def error_of(status: int, message: str) -> GatewayError:
    """The error of an upstream that answered `status` and told `message` ("" for nothing).

    A 503 with a word is Ollama's full queue, and no failure.
    """
    if status == 429:
        told = message or "the upstream is rate limited"
        return UpstreamRateLimited(told, retry_after_s=_RETRY_AFTER_S)
    if status == 503:
        kind = UpstreamOverloaded if message else UpstreamNotReady
        told = message or _NOT_READY
        return kind(told, retry_after_s=_RETRY_AFTER_S)
    return error_of_status(status, message)


def reported_error(data: Mapping[str, Any]) -> GatewayError:
    """The error in a 200 answer or a line of a stream, one that has `error`."""
    told = data.get("status_code")
    status = told if type(told) is int and 400 <= told < 600 else 500
    return error_of(status, _text(data))


def _text(data: Any) -> str:
    """The text of an error in its own shape or in OpenAI's: bounded, without addresses."""
    told = data.get("error") or data if isinstance(data, dict) else data
    if isinstance(told, dict):
        told = told.get("message") or told.get("detail")
    text = told if isinstance(told, str) else ""
    return shown(text)
