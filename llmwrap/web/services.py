"""The services: which prefix, which kinds of model, which operations; one blueprint factory."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint
from flask.typing import ResponseReturnValue

from llmwrap.canonical.messages import Operation
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Dialect, RouteRule
from llmwrap.routing import Scope
from llmwrap.settings.values import Kind, Settings

_MODELS: tuple[Operation, ...] = ("list_models", "show_model")
_GENERATION: tuple[Operation, ...] = ("chat", "text_completion", *_MODELS)
_ALL: tuple[Operation, ...] = (*_GENERATION, "embeddings")


@dataclass(frozen=True, slots=True)
class Service:
    """One service at one or more prefixes.

    `settings` names its section in the configuration; `owned_by` replaces what the pools say
    of their models in its list (reference document 002 prints `openai`); `loose_names` as in
    its `Scope`.
    """

    name: str
    prefixes: tuple[str, ...]
    kinds: frozenset[Kind]
    operations: tuple[Operation, ...]
    settings: str
    dialect: str = "openai"
    owned_by: str = ""
    loose_names: bool = False


_EVERY_KIND: frozenset[Kind] = frozenset({"chat", "code", "embed"})

SERVICES = (
    Service("api", ("/api/v1",), _EVERY_KIND, _ALL, "api"),
    Service("chat", ("/chat/v1",), frozenset({"chat"}), _GENERATION, "chat"),
    Service("code", ("/code/v1",), frozenset({"code"}), _GENERATION, "code"),
    Service(
        "embed", ("/embed/v1",), frozenset({"embed"}), (*_MODELS, "embeddings"), "embed"
    ),
    Service("v1", ("/v1", "/llm/v1", "/api/llm/v1"), _EVERY_KIND, _ALL, "v1"),
    Service(
        "ollama",
        ("/ollama",),
        _EVERY_KIND,
        _ALL,
        "ollama",
        dialect="ollama",
        loose_names=True,
    ),
    Service("ollama", ("/ollama/v1",), _EVERY_KIND, _ALL, "ollama", loose_names=True),
    Service("root", ("",), _EVERY_KIND, _ALL, "v1", owned_by="openai"),
)

_AT = {prefix: service for service in SERVICES for prefix in service.prefixes}
_LONGEST_FIRST = sorted(map(re.escape, _AT), key=len, reverse=True)
_PREFIX = re.compile(rf"(?:{'|'.join(_LONGEST_FIRST)})(?=/|\Z)")

View = Callable[..., ResponseReturnValue]


def blueprint_for(
    service: Service, prefix: str, view_of: Callable[[RouteRule], View]
) -> Blueprint:
    """The service's routes below `prefix`; `view_of` makes the view of one rule."""
    name = service.name + prefix.replace("/", "-")
    blueprint = Blueprint(name, __name__, url_prefix=prefix or None)
    for rule in dialect_of(service).routes:
        if rule.operation in service.operations:
            blueprint.add_url_rule(
                rule.path,
                endpoint=f"{rule.method} {rule.path}",
                view_func=view_of(rule),
                methods=[rule.method],
            )
    return blueprint


def scope_of(service: Service, prefix: str, settings: Settings) -> Scope:
    """What the service's clients may reach at `prefix`."""
    return Scope(
        service.name,
        prefix,
        service.kinds,
        settings.services[service.settings],
        service.loose_names,
    )


def dialect_of(service: Service) -> Dialect:
    """The dialect that the service's clients speak."""
    return DIALECTS[service.dialect]


def service_at(path: str) -> Service:
    """The service whose prefix is the longest that `path` lies under; the root for the rest."""
    found = _PREFIX.match(path)
    return _AT[found[0]] if found else SERVICES[-1]
