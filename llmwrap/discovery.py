"""Which model servers run on this machine: one look at the usual loopback ports.

Only at start, and only while no pool is configured. Nothing beyond 127.0.0.1 is asked.
Default ports: the products' documentation, read 2026-11.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Literal, TypeGuard

import orjson
import requests
from urllib3.exceptions import HTTPError

from llmwrap.settings.model_kinds import kind_of
from llmwrap.settings.values import Kind

SILENCE_S = 0.3
"""How long one server may be silent, in seconds."""

TOTAL_S = 0.5
"""How long all probes together may take, in seconds."""

MAX_BODY_BYTES = 1_048_576


Native = Literal["openai", "ollama"]
"""What a server is asked in, at start and later."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Where to look. `product` "" = what its models say in `owned_by`."""

    port: int
    product: str = ""
    dialect: Native = "openai"
    silence_s: float = SILENCE_S


@dataclass(frozen=True, slots=True)
class Found:
    """A model server that answered: its base URL in its dialect, its models and their kinds."""

    product: str
    url: str
    models: Mapping[str, Kind]
    dialect: Native = "openai"


LOOPBACK_PROBES = (
    Probe(11434, "ollama", "ollama"),
    Probe(8000),
    Probe(8080),
    Probe(1234, "lmstudio"),
)
"""Ollama; vLLM, llama.cpp and mlx-lm (their models say `vllm`, `llamacpp`, nothing); LM Studio
(its models say `organization_owner`)."""

UNNAMED_PRODUCT = "local"


def discover(
    own_port: int | None,
    probes: Sequence[Probe] = LOOPBACK_PROBES,
    total_s: float = TOTAL_S,
) -> tuple[Found, ...]:
    """Return the servers that answered within `total_s`, in the order of `probes`.

    `own_port` is ours and is not asked; neither is another gateway of our kind adopted.
    A probe that has not ended by then is left to its own limits, on a daemon thread.
    """
    wanted = [probe for probe in probes if probe.port != own_port]
    answers: SimpleQueue[tuple[Probe, Found | None]] = SimpleQueue()
    deadline = monotonic() + total_s
    for probe in wanted:
        Thread(target=_run, args=(probe, deadline, answers), daemon=True).start()
    found: dict[Probe, Found | None] = {}
    while len(found) < len(wanted):
        try:
            probe, answer = answers.get(timeout=max(deadline - monotonic(), 0))
        except Empty:
            break
        found[probe] = answer
    return tuple(answer for probe in wanted if (answer := found.get(probe)))


def pools_from(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Return `[[pools]]` tables as plain JSON-able data: one per server and kind."""
    tables: list[dict[str, Any]] = []
    for server in found:
        for kind in ("chat", "code", "embed"):
            models = [name for name, told in server.models.items() if told == kind]
            if models:
                taken = {table["name"] for table in tables}
                name = _free_name(f"{_slug(server.product)}-{kind}", taken)
                tables.append(_table(name, kind, server, models))
    return tables


def _run(
    probe: Probe, deadline: float, answers: SimpleQueue[tuple[Probe, Found | None]]
) -> None:
    answers.put((probe, _look(probe, deadline)))


def _look(probe: Probe, deadline: float) -> Found | None:
    look = _look_native if probe.dialect == "ollama" else _look_openai
    return look(probe, f"http://127.0.0.1:{probe.port}", deadline)


def _look_openai(probe: Probe, root: str, deadline: float) -> Found | None:
    listing = _fetch_object(f"{root}/v1/models", probe.silence_s, deadline)
    entries = _entries(listing, "data")
    if entries is None:
        return None
    owners = [str(entry.get("owned_by") or "") for entry in entries]
    if any(owner.startswith("llmwrap") for owner in owners):
        return None
    names = [name for entry in entries if _is_name(name := entry.get("id"))]
    said = next(filter(_is_name, owners), UNNAMED_PRODUCT)
    models = {name: kind_of(name) for name in names}
    return Found(probe.product or said, f"{root}/v1", models)


def _look_native(probe: Probe, root: str, deadline: float) -> Found | None:
    """An Ollama: something else at its port has no version, or no such list."""
    version = _fetch_object(f"{root}/api/version", probe.silence_s, deadline)
    if version is None or "version" not in version:
        return None
    listing = _fetch_object(f"{root}/api/tags", probe.silence_s, deadline)
    entries = _entries(listing, "models")
    if entries is None:
        return None
    models = {
        name: _native_kind(name, entry.get("capabilities"))
        for entry in entries
        if _is_name(name := entry.get("name"))
    }
    return Found(probe.product, root, models, "ollama")


def _native_kind(name: str, capabilities: object) -> Kind:
    """What Ollama says counts (0.33; older ones say nothing), then the name."""
    guess = kind_of(name)
    told = capabilities if isinstance(capabilities, list) else []
    if "completion" in told:
        return "chat" if guess == "embed" else guess
    return "embed" if "embedding" in told else guess


def _entries(
    listing: Mapping[str, Any] | None, key: str
) -> list[Mapping[str, Any]] | None:
    """The objects of a list of models, None where there is no list."""
    rows = listing.get(key) if listing else None
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, dict)]


def _fetch_object(url: str, silence_s: float, deadline: float) -> dict[str, Any] | None:
    """Fetch a JSON object; None for anything else and from a gateway of our kind."""
    try:
        with (
            _session() as session,
            session.get(
                url, timeout=silence_s, allow_redirects=False, stream=True
            ) as response,
        ):
            if response.status_code != 200 or _is_ours(response):
                return None
            value = orjson.loads(_read_body(response, deadline))
    except (requests.RequestException, HTTPError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    return session


def _read_body(response: requests.Response, deadline: float) -> bytes:
    """Read to the end; `read1` returns at each arrival, so a trickle is noticed."""
    body = b""
    while chunk := response.raw.read1(65_536):
        body += chunk
        if len(body) > MAX_BODY_BYTES or monotonic() > deadline:
            raise ValueError("the answer is too long or too slow")
    return body


def _is_ours(response: requests.Response) -> bool:
    return any(name.lower().startswith("x-llmwrap-") for name in response.headers)


def _is_name(value: object) -> TypeGuard[str]:
    """Whether a name can be shown: it goes to the operator's terminal."""
    return isinstance(value, str) and value != "" and value.isprintable()


def _slug(product: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", product.lower()).strip("-") or UNNAMED_PRODUCT


def _free_name(name: str, taken: set[str]) -> str:
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in names if candidate not in taken)


def _table(
    name: str, kind: str, server: Found, models: Sequence[str]
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "models": list(models),
        "owned_by": server.product,
        "default_model": models[0],
        "upstreams": [{"name": name, "url": server.url, "dialect": server.dialect}],
    }
