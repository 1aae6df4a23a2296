"""What happens before the first worker: settings, discovery where no pool is configured.

Runs in the process that will manage the workers; it starts no thread that has to survive a fork.
What discovery found is handed to the workers in the environment, so that all agree.
"""

import json
from collections.abc import MutableMapping
from dataclasses import replace

from llmwrap.auth.signing_key import load_signing_key
from llmwrap.banner import banner
from llmwrap.demo import demo_pools
from llmwrap.discovery import discover, pools_from
from llmwrap.settings import Loaded, load_with_origins
from llmwrap.settings.values import Settings

OLLAMA_NOTE = "from the next release"


def prepare(environ: MutableMapping[str, str]) -> Loaded:
    """The settings of this start; SettingsError or SigningKeyError when they are wrong.

    With no pool configured the loopback model servers are looked for, and what answered is put
    into `environ` for the workers.
    """
    loaded = load_with_origins(environ=environ)
    load_signing_key(loaded.settings.data_dir)
    if loaded.settings.pools or "LLMWRAP_DISCOVERED" in environ:
        return loaded
    tables = pools_from(discover(port_of(loaded.settings)))
    if not tables:
        return loaded
    environ["LLMWRAP_DISCOVERED"] = json.dumps(tables)
    return load_with_origins(environ=environ)


def port_of(settings: Settings) -> int | None:
    """The port of the bind address, None for a unix socket."""
    port = settings.server.bind.rpartition(":")[2]
    return int(port) if port.isdigit() else None


def start_banner(loaded: Loaded, bind: str) -> str:
    """The lines for the terminal, with what will answer: real upstreams, or the demo."""
    settings = loaded.settings
    shown = settings if settings.pools else replace(settings, pools=demo_pools(""))
    return banner(shown, bind, notices=loaded.notices, ollama_note=OLLAMA_NOTE)
