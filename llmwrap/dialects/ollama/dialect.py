"""The Ollama dialect as one object; the work is in the modules beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmwrap.canonical.answers import Stamp, Took, Vectors, WholeAnswer
from llmwrap.canonical.events import Event
from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import Target, Task
from llmwrap.dialects.base import Call, Headers, Model, Offer, RouteRule
from llmwrap.dialects.ollama import (
    answers,
    calls,
    continuation,
    errors,
    listing,
    mending,
    models,
    tasks,
)
from llmwrap.dialects.ollama import request as requests_
from llmwrap.dialects.ollama.capabilities import check_capabilities
from llmwrap.dialects.ollama.encoder import StreamEncoder
from llmwrap.dialects.ollama.stream import StreamReader
from llmwrap.errors import GatewayError
from llmwrap.settings.values import Media, PoolSettings, ServiceSettings


class Ollama:
    """Stateless; one instance serves all."""

    name = "ollama"
    owned_by = "ollama"
    tagged_names = True
    json_type = "application/json; charset=utf-8"
    routes: tuple[RouteRule, ...] = (
        RouteRule("POST", "/api/chat", "chat", "chat"),
        RouteRule("POST", "/api/generate", "text_completion", "generate"),
        RouteRule("POST", "/api/embed", "embeddings", "embed"),
        RouteRule("POST", "/api/embeddings", "embeddings", "embeddings"),
    )

    def read_request(
        self,
        rule: RouteRule,
        body: bytes,
        service: ServiceSettings,
        media: Media,
    ) -> Request:
        return requests_.read_request(rule.form, body, service)

    def check_model(self, request: Request, pool: PoolSettings) -> None:
        capabilities = pool.capabilities
        if capabilities and pool.fill_in_middle:
            capabilities = (*capabilities, "insert")
        check_capabilities(request, capabilities, pool.kind)

    def render_models(self, offers: Sequence[Offer]) -> bytes:
        return listing.render_models(offers)

    def render_model(self, offer: Offer) -> bytes:
        return listing.render_model(offer)

    def render_error(
        self, error: GatewayError, service: ServiceSettings
    ) -> tuple[int, Headers, bytes]:
        return errors.render_error(error, service)

    def render_call(
        self, request: Request, model: str, defaults: Mapping[str, Any]
    ) -> Call:
        return requests_.render_call(request, model, defaults)

    def may_continue(self, request: Request) -> bool:
        return continuation.may_continue(request)

    def render_continuation(self, call: Call, text: str, way: str) -> Call:
        return continuation.render_continuation(call, text)

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
        return answers.pass_answer(request, body)

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
        return answers.render_idle(request, stamp)

    def render_answer(
        self, request: Request, stamp: Stamp, answer: WholeAnswer, took: Took
    ) -> bytes:
        return answers.render_answer(request, stamp, answer, took)

    def render_vectors(
        self, request: Request, stamp: Stamp, vectors: Vectors, took: Took
    ) -> bytes:
        return answers.render_vectors(request, vectors, took)

    def read_error(self, status: int, body: bytes) -> GatewayError:
        return errors.read_error(status, body)

    def mended(self, call: Call, error: GatewayError) -> Call | None:
        return mending.mended(call, error)

    def models_call(self) -> Call:
        return models.models_call()

    def read_models(self, body: bytes) -> tuple[Model, ...]:
        return models.read_models(body)
