"""The OpenAI dialect as one object; the work is in the modules beside it."""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.events import Event
from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.base import Call, Headers, Model, RouteRule
from llmwrap.dialects.openai import continuation, response
from llmwrap.dialects.openai import request as requests_
from llmwrap.dialects.openai.stream import StreamEncoder, StreamReader
from llmwrap.errors import GatewayError
from llmwrap.settings.values import Media, ServiceSettings


class OpenAI:
    """Stateless; one instance serves all."""

    name = "openai"
    owned_by = "vllm"
    routes: tuple[RouteRule, ...] = (
        RouteRule("GET", "/models", "list_models"),
        RouteRule("GET", "/models/<path:model>", "show_model"),
        RouteRule("POST", "/chat/completions", "chat"),
        RouteRule("POST", "/completions", "text_completion"),
        RouteRule("POST", "/embeddings", "embeddings"),
    )

    def read_request(
        self,
        operation: Operation,
        body: bytes,
        service: ServiceSettings,
        media: Media,
    ) -> Request:
        return requests_.read_request(operation, body, service, media)

    def render_error(
        self, error: GatewayError, service: ServiceSettings
    ) -> tuple[int, Headers, bytes]:
        return response.render_error(error, service)

    def render_call(
        self, request: Request, model: str, defaults: Mapping[str, Any]
    ) -> Call:
        return requests_.render_call(request, model, defaults)

    def may_continue(self, request: Request) -> bool:
        return continuation.may_continue(request)

    def render_continuation(self, call: Call, text: str, way: str) -> Call:
        return continuation.render_continuation(call, text, way)

    def conversation(self, request: Request) -> bytes:
        return requests_.conversation(request)

    def credentials(self, api_key: str) -> Headers:
        return (("Authorization", f"Bearer {api_key}"),) if api_key else ()

    def frame_reader(self, request: Request) -> StreamReader:
        return StreamReader()

    def encoder(self, request: Request) -> StreamEncoder:
        return StreamEncoder(request)

    def pass_answer(
        self, request: Request, body: bytes
    ) -> tuple[bytes, tuple[Event, ...]]:
        return response.pass_answer(request, body)

    def read_error(self, status: int, body: bytes) -> GatewayError:
        return response.read_error(status, body)

    def models_call(self) -> Call:
        return Call("GET", "/models", (("Accept", "application/json"),), b"")

    def read_models(self, body: bytes) -> tuple[Model, ...]:
        return response.read_models(body)
