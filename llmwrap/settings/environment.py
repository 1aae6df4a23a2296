"""Settings from variables: `LLMWRAP__SECTION__KEY` and the reference documents' names.

A value goes into the draft unchecked; what is wrong with it, an unknown name included,
the schema says together with the mistakes of the file.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from llmwrap.settings.accepted import Flag, Text, base_url
from llmwrap.settings.draft import Draft, Entry
from llmwrap.settings.model_kinds import CODE_PATTERNS, EMBED_PATTERNS
from llmwrap.settings.places import MISSING, Where, lookup
from llmwrap.settings.schema import field_at
from llmwrap.settings.secrets import forms_of
from llmwrap.settings.values import Server
from llmwrap.settings.variables import Variables

PREFIX = "LLMWRAP__"

OLDER_NAMES: Mapping[str, Where] = {
    "HTTP_PORT": ("server", "bind"),
    "DB_DSN": ("database", "url"),
    "LOG_LEVEL": ("log", "level"),
    "LOG_FORMAT": ("log", "format"),
    "JWKS_URL": ("auth", "oidc", "jwks_url"),
    "ISSUER": ("auth", "oidc", "issuer"),
    "AUDIENCE": ("auth", "oidc", "audience"),
    "KEYCLOAK_BASE_URL": ("auth", "oidc", "keycloak_base_url"),
    "OTEL_ENABLED": ("otel", "enabled"),
    "OTEL_SERVICE_NAME": ("otel", "service_name"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("otel", "endpoint"),
    "MEDIA_RESOLVE_URL": ("media", "resolve_url"),
    "MEDIA_RESOLVE_TIMEOUT": ("media", "timeout_s"),
    "DEFAULT_MODEL": ("services", "v1", "default_model"),
    "API_KEY": ("auth", "api_key"),
}
"""The names that reference documents 001 and 004 print, and the setting of each.

`OLLAMA_URL` (004) is no single setting: it makes pools.
"""

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}


def apply_environment(draft: Draft, variables: Variables) -> None:
    """Lay the variables over the draft, `LLMWRAP__...` over the older names."""
    _overlay(draft, _older_entries(draft, variables))
    _overlay(draft, _prefixed_entries(variables))
    _add_ollama_pools(draft, variables)
    _use_discovered_pools(draft, variables)


def _overlay(draft: Draft, entries: Iterable[Entry]) -> None:
    """Put one layer; its form of a secret beats another form in the layers below."""
    layer = list(entries)
    for entry in layer:
        for form in forms_of(entry.where):
            draft.remove(form)
    for entry in layer:
        draft.put(entry)


def _prefixed_entries(variables: Variables) -> Iterator[Entry]:
    """In the order of their names, so that a whole table comes before its keys."""
    for name in sorted(variables, key=str.lower):
        if name.upper().startswith(PREFIX):
            where = tuple(name[len(PREFIX) :].lower().split("__"))
            text, origin = variables[name]
            yield Entry(where, _typed(where, text), origin)


def _typed(where: Where, text: str) -> Any:
    """The text as the setting's type; text that does not fit stays for the schema."""
    field = field_at(where)
    if field is None or isinstance(field, Text):
        return text
    if isinstance(field, Flag):
        return _FLAGS.get(text.lower(), text)
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if len(document) == 1 else text


def _older_entries(draft: Draft, variables: Variables) -> Iterator[Entry]:
    readers: Mapping[str, Callable[[str], Any]] = {
        "HTTP_PORT": lambda port: _with_port(draft, port),
        "LOG_LEVEL": str.lower,
        "LOG_FORMAT": str.lower,
        "MEDIA_RESOLVE_TIMEOUT": _read_duration,
    }
    for name, where in OLDER_NAMES.items():
        if name in variables:
            text, origin = variables[name]
            value = readers[name](text) if name in readers else _typed(where, text)
            yield Entry(where, value, origin)


def _with_port(draft: Draft, port: str) -> str:
    bind = lookup(draft.tree, OLDER_NAMES["HTTP_PORT"])
    host = str(Server().bind if bind is MISSING else bind).rpartition(":")[0]
    return f"{host}:{port}"


def _read_duration(text: str) -> float | str:
    """Seconds from `5s`, `500ms`, `1m`, `1h` or a bare number; else the text itself."""
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _SECONDS_PER_UNIT[match[2]] if match else text


_OLLAMA_POOLS = (
    ("ollama-embed", "embed", EMBED_PATTERNS),
    ("ollama-code", "code", CODE_PATTERNS),
    ("ollama", "chat", ("*",)),
)
"""(name, kind, models) of what `OLLAMA_URL` makes; the first pool that takes a name has it."""


def _add_ollama_pools(draft: Draft, variables: Variables) -> None:
    """`OLLAMA_URL` is a pool of each kind, but for those that the operator wrote.

    Who wrote the one that takes all names has no need of the others.
    """
    pools = lookup(draft.tree, ("pools",))
    names = (
        [lookup(pool, ("name",)) for pool in pools] if isinstance(pools, list) else []
    )
    if "OLLAMA_URL" not in variables or "ollama" in names:
        return
    text, origin = variables["OLLAMA_URL"]
    url = _ollama_base(text)
    good = base_url().accepts(url)
    # One pool is enough for the schema to tell, once, what is wrong with the address.
    for name, kind, models in _OLLAMA_POOLS if good else _OLLAMA_POOLS[:1]:
        upstream = {"name": name, "url": url, "dialect": "ollama"}
        pool = {
            "name": name,
            "kind": kind,
            "models": list(models),
            "upstreams": [upstream],
        }
        if name not in names:
            draft.append("pools", pool, origin)


def _ollama_base(text: str) -> str:
    """The address without `/api/...`: reference document 004 gives a full endpoint."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    path = re.sub(r"/api(/.*)?$", "", parts.path).rstrip("/")
    return parts._replace(path=path).geturl()


def _use_discovered_pools(draft: Draft, variables: Variables) -> None:
    """What `llmwrap serve` found on this machine, while no pool is configured."""
    if lookup(draft.tree, ("pools",)) not in (MISSING, []):
        return
    if "LLMWRAP_DISCOVERED" in variables:
        text = variables["LLMWRAP_DISCOVERED"].text
        try:
            pools = json.loads(text)
        except json.JSONDecodeError:
            pools = text
        draft.put(Entry(("pools",), pools, "discovery"))
