"""The OpenAI dialect as one object; the work is in the modules beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmwrap.canonical.answers import Stamp, Took, Vectors, WholeAnswer
from llmwrap.canonical.events import Event
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import Target, Task
from llmwrap.dialects.base import Call, Headers, Model, Offer, RouteRule
from llmwrap.dialects.kinds import check_kind
from llmwrap.dialects.openai import (
    answers,
    calls,
    continuation,
    listing,
    mending,
    response,
    tasks,
)
from llmwrap.dialects.openai import request as requests_
from llmwrap.dialects.openai.stream import StreamEncoder, StreamReader
from llmwrap.errors import GatewayError
from llmwrap.settings.values import Media, PoolSettings, ServiceSettings


class OpenAI:
    """Stateless; one instance serves all."""

    name = "openai"
    owned_by = "vllm"
    tagged_names = False
    json_type = "application/json"
    routes: tuple[RouteRule, ...] = (
        RouteRule("GET", "/models", "list_models"),
        RouteRule("GET", "/models/<path:model>", "show_model"),
        RouteRule("POST", "/chat/completions", "chat"),
        RouteRule("POST", "/completions", "text_completion"),
        RouteRule("POST", "/embeddings", "embeddings"),
    )

    def read_request(
        self,
        rule: RouteRule,
        body: bytes,
        service: ServiceSettings,
        media: Media,
    ) -> Request:
        return requests_.read_request(rule.operation, body, service, media)

    def check_model(self, request: Request, pool: PoolSettings) -> None:
        check_kind(request, pool.kind)

    def render_models(self, offers: Sequence[Offer]) -> bytes:
        return listing.render_models(offers)

    def render_model(self, offer: Offer) -> bytes:
        return listing.render_model(offer)

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

    def frame_reader(self) -> StreamReader:
        return StreamReader()

    def encoder(self, request: Request, stamp: Stamp) -> StreamEncoder:
        return StreamEncoder(request, stamp)

    def pass_answer(
        self, request: Request, body: bytes
    ) -> tuple[bytes, tuple[Event, ...]]:
        return response.pass_answer(request, body)

    def read_task(self, request: Request) -> Task:
        return tasks.read_task(request)

    def render_task(
        self, task: Task, target: Target, *, stream: bool
    ) -> Sequence[Call]:
        return calls.render_task(task, target, stream=stream)

    def read_answer(self, body: bytes) -> tuple[Event, ...]:
        return answers.read_answer(body)

    def read_vectors(self, body: bytes) -> Vectors:
        return answers.read_vectors(body)

    def render_idle(self, request: Request, stamp: Stamp) -> bytes:
        """Nothing: a request of this dialect always asks for something."""
        return b""

    def render_answer(
        self, request: Request, stamp: Stamp, answer: WholeAnswer, took: Took
    ) -> bytes:
        return answers.render_answer(request, stamp, answer)

    def render_vectors(
        self, request: Request, stamp: Stamp, vectors: Vectors, took: Took
    ) -> bytes:
        return answers.render_vectors(request, vectors)

    def read_error(self, status: int, body: bytes) -> GatewayError:
        return response.read_error(status, body)

    def mended(self, call: Call, error: GatewayError) -> Call | None:
        return mending.mended(call, error)

    def models_call(self) -> Call:
        return Call("GET", "/models", (("Accept", "application/json"),), b"")

    def read_models(self, body: bytes) -> tuple[Model, ...]:
        return response.read_models(body)
