"""The services: which prefix, which kinds of model, which operations; one blueprint factory."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint
from flask.typing import ResponseReturnValue

from llmwrap.canonical.messages import Operation
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Dialect
from llmwrap.settings.values import Kind

_MODELS: tuple[Operation, ...] = ("list_models", "show_model")
_GENERATION: tuple[Operation, ...] = ("chat", "text_completion", *_MODELS)
_ALL: tuple[Operation, ...] = (*_GENERATION, "embeddings")


@dataclass(frozen=True, slots=True)
class Service:
    """One service at one or more prefixes.

    `settings` names its section in the configuration; `owned_by` replaces what the pools say
    of their models in its list (reference document 002 prints `openai`).
    """

    name: str
    prefixes: tuple[str, ...]
    kinds: frozenset[Kind]
    operations: tuple[Operation, ...]
    settings: str
    dialect: str = "openai"
    owned_by: str = ""


_EVERY_KIND: frozenset[Kind] = frozenset({"chat", "code", "embed"})

SERVICES = (
    Service("api", ("/api/v1",), _EVERY_KIND, _ALL, "api"),
    Service("chat", ("/chat/v1",), frozenset({"chat"}), _GENERATION, "chat"),
    Service("code", ("/code/v1",), frozenset({"code"}), _GENERATION, "code"),
    Service(
        "embed", ("/embed/v1",), frozenset({"embed"}), (*_MODELS, "embeddings"), "embed"
    ),
    Service("v1", ("/v1", "/llm/v1", "/api/llm/v1"), _EVERY_KIND, _ALL, "v1"),
    Service("root", ("",), _EVERY_KIND, _ALL, "v1", owned_by="openai"),
)

View = Callable[..., ResponseReturnValue]


def blueprint_for(
    service: Service, prefix: str, view_of: Callable[[Operation], View]
) -> Blueprint:
    """The service's routes below `prefix`; `view_of` makes the view of one operation."""
    name = service.name + prefix.replace("/", "-")
    blueprint = Blueprint(name, __name__, url_prefix=prefix or None)
    for rule in dialect_of(service).routes:
        if rule.operation in service.operations:
            blueprint.add_url_rule(
                rule.path,
                endpoint=rule.operation,
                view_func=view_of(rule.operation),
                methods=[rule.method],
            )
    return blueprint


def dialect_of(service: Service) -> Dialect:
    """The dialect that the service's clients speak."""
    return DIALECTS[service.dialect]


def service_at(path: str) -> Service:
    """The service whose prefix is the longest that `path` lies under; the root for the rest."""
    found, length = SERVICES[-1], 0
    for service in SERVICES:
        for prefix in service.prefixes:
            under = path == prefix or path.startswith(prefix + "/")
            if under and len(prefix) > length:
                found, length = service, len(prefix)
    return found
