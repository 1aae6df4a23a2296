"""What happens before the first worker: settings, discovery where no pool is configured.

Runs in the process that will manage the workers; it starts no thread that has to survive a fork.
What discovery found is handed to the workers in the environment, so that all agree.
"""

import json
import logging
from collections.abc import MutableMapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from llmwrap.auth.signing_key import SigningKeyError, load_signing_key
from llmwrap.banner import banner
from llmwrap.demo import demo_pools
from llmwrap.discovery import discover, pools_from
from llmwrap.errors import StorageUnavailable
from llmwrap.settings import (
    Loaded,
    SettingsError,
    load_settings,
    load_with_origins,
)
from llmwrap.settings.values import Settings
from llmwrap.storage.engine import open_database
from llmwrap.storage.revisions import SchemaMismatch, require_current

log = logging.getLogger(__name__)

DISCOVERED = "LLMWRAP_DISCOVERED"

PID_FILE = "llmwrap.pid"
"""In the data folder: the managing process, for `llmwrap reload`."""

UNFIT = (SettingsError, SigningKeyError, SchemaMismatch)
"""What stops a start: each says what is wrong, none shows a secret."""


@dataclass(slots=True)
class Master:
    """What the managing process last found good.

    The one state of a module: gunicorn runs its configuration file anew at each reload, and its
    workers are forks, so this is how a reload finds the settings to keep, and a worker its own.
    """

    good: Loaded | None = None


MASTER = Master()


def load_for_start(environ: MutableMapping[str, str]) -> Loaded:
    """The settings of this start or reload.

    At a start UNFIT tells what is wrong; at a reload it is logged, and the settings that were
    good before are kept.
    """
    try:
        MASTER.good = prepare(environ)
    except UNFIT as error:
        if MASTER.good is None:
            raise
        log.error("reload_refused", extra={"problems": str(error)})
    return MASTER.good


def settings_of_process() -> Settings:
    """A worker's settings: its master's, else (no gunicorn) those of the configuration."""
    return MASTER.good.settings if MASTER.good else load_settings()


def prepare(environ: MutableMapping[str, str]) -> Loaded:
    """Settings that are complete and good, with a database that fits them; UNFIT otherwise.

    With no pool configured the loopback model servers are looked for, and what answered is put
    into `environ` for the workers.
    """
    environ.pop(DISCOVERED, None)
    loaded = load_with_origins(environ=environ)
    load_signing_key(loaded.settings.data_dir)
    _prepare_database(loaded.settings)
    if loaded.settings.pools:
        return loaded
    tables = pools_from(discover(port_of(loaded.settings)))
    if not tables:
        return loaded
    environ[DISCOVERED] = json.dumps(tables)
    return load_with_origins(environ=environ)


def _prepare_database(settings: Settings) -> None:
    """One that is away is no reason not to serve who is in the configuration."""
    with closing(open_database(settings)) as database, suppress(StorageUnavailable):
        require_current(database)


def port_of(settings: Settings) -> int | None:
    """The port of the bind address, None for a unix socket."""
    port = settings.server.bind.rpartition(":")[2]
    return int(port) if port.isdigit() else None


def start_banner(loaded: Loaded, bind: str) -> str:
    """The lines for the terminal, with what will answer: real upstreams, or the demo."""
    settings = loaded.settings
    shown = settings if settings.pools else replace(settings, pools=demo_pools(""))
    return banner(shown, bind, notices=loaded.notices)
