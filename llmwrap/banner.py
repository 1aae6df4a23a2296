"""What the terminal shows at start: where llmwrap is, who may call, what answers.

Text only; whoever starts the server prints it. Never a secret, never an upstream's URL.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import orjson

from llmwrap import __version__
from llmwrap.demo.pools import DEMO_OWNER
from llmwrap.settings.values import PoolSettings, Settings

SHOWN_MODELS = 5
PLACEHOLDER_MODEL = "MODEL"
"""Stands in the examples where the configuration has patterns only."""

EVERY_ADDRESS: Mapping[str, str] = MappingProxyType(
    {
        "": "127.0.0.1",
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - compared with, not bound to
        "[::]": "[::1]",
    }
)
"""Hosts that mean all of this machine's addresses, and one by which it reaches itself."""

HOW_TO_CONNECT = (
    "to connect one, add a [[pools]] entry to config.toml, or start Ollama, vLLM,",
    "llama.cpp or LM Studio on this machine, and start llmwrap again",
)


def banner(settings: Settings, bind: str, *, notices: Sequence[str] = ()) -> str:
    """Return the lines of the banner, ending with a newline.

    `bind` is the address in use (`host:port` or `unix:/path`), whatever `settings` say.
    `notices` are shown as they are.
    """
    lines = [f"llmwrap {__version__}", f"  address   {_address(bind)}"]
    lines += [f"  access    {_access(settings, bind)}"]
    lines += _models(settings.pools)
    lines += [f"  notice    {notice}" for notice in notices]
    lines += ["", "Try:", *_examples(settings, bind)]
    return "\n".join(lines) + "\n"


def _address(bind: str) -> str:
    if bind.startswith("unix:"):
        return bind
    host = bind.rpartition(":")[0]
    remark = " (on every address of this machine)" if host in EVERY_ADDRESS else ""
    return base_url(bind) + remark


def base_url(bind: str) -> str:
    """Return the root URL for a client on this machine; `bind` is `host:port`."""
    host, _, port = bind.rpartition(":")
    return f"http://{EVERY_ADDRESS.get(host, host)}:{port}"


def _access(settings: Settings, bind: str) -> str:
    if settings.auth_required:
        return "every request needs a credential"
    if replace(settings.server, bind=bind).loopback:
        return "open: no credential is asked for, and only this machine may call"
    if settings.auth.mode == "off":
        return "OPEN TO EVERYONE who reaches this address: auth.mode is off"
    return "closed: no credential source is configured; set auth.api_key or add a user"


def _models(pools: Sequence[PoolSettings]) -> Iterator[str]:
    if not pools:
        yield "  models    none: no pool is configured;"
        yield from (f"            {line}" for line in HOW_TO_CONNECT)
    elif all(pool.owned_by == DEMO_OWNER for pool in pools):
        yield "  models    none is connected: the built-in demo answers;"
        yield from (f"            {line}" for line in HOW_TO_CONNECT)
    for pool in pools:
        yield f"  {pool.kind:<9} {pool.name}: {_shown(_names(pool))}"


def _names(pool: PoolSettings) -> tuple[str, ...]:
    listed = (name for upstream in pool.upstreams for name in upstream.models)
    return tuple(dict.fromkeys(listed)) or pool.models


def _shown(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_MODELS
    text = ", ".join(names[:SHOWN_MODELS])
    return f"{text} and {more} more" if more > 0 else text


def _examples(settings: Settings, bind: str) -> Iterator[str]:
    yield f"  {_curl(settings, bind)}"
    if bind.startswith("unix:"):
        yield "  # other clients need host:port: put nginx in front, or set server.bind"
        return
    yield f"  {_python(settings, bind)}"
    key = 'OLLAMA_API_KEY="$KEY" ' if settings.auth_required else ""
    yield f"  {key}OLLAMA_HOST={base_url(bind)}/ollama ollama list"


def _curl(settings: Settings, bind: str) -> str:
    message = {"role": "user", "content": "Hello"}
    body = orjson.dumps({"model": _chat_model(settings.pools), "messages": [message]})
    words = ["curl"]
    root = "http://localhost"
    if bind.startswith("unix:"):
        words += ["--unix-socket", shlex.quote(bind.removeprefix("unix:"))]
    else:
        root = base_url(bind)
    words += [f"{root}/api/v1/chat/completions", "-H 'content-type: application/json'"]
    if settings.auth_required:
        words += ['-H "Authorization: Bearer $KEY"']
    return " ".join([*words, "-d", shlex.quote(body.decode())])


def _python(settings: Settings, bind: str) -> str:
    key = 'os.environ["KEY"]' if settings.auth_required else '"unused"'
    imports = "import os; " if settings.auth_required else ""
    client = f'OpenAI(base_url="{base_url(bind)}/api/v1", api_key={key})'
    code = f"{imports}from openai import OpenAI; print({client}.models.list().data)"
    return f"python -c {shlex.quote(code)}"


def _chat_model(pools: Sequence[PoolSettings]) -> str:
    """Return a model that exists, of the first pool that can chat and names one."""
    for pool in pools:
        if pool.kind == "embed":
            continue
        names = [name for name in _names(pool) if not set(name) & set("*?[")]
        if pool.default_model or names:
            return pool.default_model or names[0]
    return PLACEHOLDER_MODEL
