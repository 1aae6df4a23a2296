"""Reading one request of the OpenAI dialect, with the services' usual settings."""

import json
from typing import Any

import pytest

from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.base import RouteRule
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import GatewayError, InvalidRequest
from llmwrap.settings.values import OLDER_DOCUMENTS, Media, ServiceSettings

NEWER = ServiceSettings()
OLDER = OLDER_DOCUMENTS

USER = {"role": "user", "content": "hi"}
HI: dict[str, Any] = {"model": "m", "messages": [USER]}


def read(
    operation: Operation,
    body: Any,
    service: ServiceSettings = NEWER,
    media: Media | None = None,
) -> Request:
    """`body`: the bytes, or what they are to say."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    rule = RouteRule("POST", "/", operation)
    return OpenAI().read_request(rule, data, service, media or Media())


def refusal(
    operation: Operation, body: Any, service: ServiceSettings = NEWER
) -> GatewayError:
    """The error that `body` gets: 400, the caller's fault."""
    with pytest.raises(InvalidRequest) as caught:
        read(operation, body, service)
    assert (caught.value.status, caught.value.fault) == (400, "caller")
    return caught.value
