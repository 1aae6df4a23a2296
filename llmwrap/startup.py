"""What happens before the first worker: settings, discovery where no pool is configured.

Runs in the process that will manage the workers; it starts no thread that has to survive a fork.
What discovery found is handed to the workers in the environment, so that all agree.
"""

import json
import logging
import sys
import traceback
from collections.abc import MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from llmwrap.auth.limits import make_limiting
from llmwrap.auth.signing_key import SigningKeyError, load_signing_key
from llmwrap.banner import banner
from llmwrap.demo import demo_pools
from llmwrap.discovery import discover, pools_from
from llmwrap.errors import StorageUnavailable
from llmwrap.listening import (
    PATIENCE_S,
    AddressUnusable,
    inherited,
    require_free,
    written,
)
from llmwrap.pid_file import AlreadyRunning, PidFile
from llmwrap.settings import (
    Loaded,
    SettingsError,
    load_settings,
    load_with_origins,
)
from llmwrap.settings.checks import open_to_others
from llmwrap.settings.values import Settings
from llmwrap.storage.engine import open_database, reason
from llmwrap.storage.revisions import SchemaMismatch, require_current

log = logging.getLogger(__name__)

DISCOVERED = "LLMWRAP_DISCOVERED"

UNFIT = (
    SettingsError,
    SigningKeyError,
    SchemaMismatch,
    AddressUnusable,
    AlreadyRunning,
)
"""What stops a start: each says what is wrong, none shows a secret."""


@dataclass(slots=True)
class Master:
    """What the managing process last found good, and what it holds.

    The one state of a module: gunicorn runs its configuration file anew at each reload, and its
    workers are forks, so this is how a reload finds the settings to keep, and a worker its own.
    `pid_file` is None and `addresses` () until the server starts. `moves`: whether it goes
    where `server.bind` says; it does not where gunicorn's own arguments say where it listens.
    """

    good: Loaded | None = None
    pid_file: PidFile | None = None
    moves: bool = True
    addresses: tuple[str, ...] = ()


MASTER = Master()


def load_for_start(environ: MutableMapping[str, str]) -> Loaded:
    """The settings of this start or reload.

    At a start UNFIT tells what is wrong. At a reload whatever is wrong is logged, and the
    settings that were good before are kept.
    """
    good = MASTER.good
    if good is None:
        # What it would say is said in words: nothing reads a log yet.
        logging.getLogger("llmwrap").addHandler(logging.NullHandler())
        MASTER.good = prepare(environ)
        return MASTER.good
    try:
        loaded = prepare(environ)
        _move(good.settings, loaded.settings)
    except Exception as error:  # noqa: BLE001 - no mistake may end a server that runs
        log.error("reload_refused", extra={"problems": _problems(error)})
        return good
    MASTER.good = loaded
    return loaded


def _move(old: Settings, new: Settings) -> None:
    """Make sure that the server can go where new settings have it, and claim the data folder.

    gunicorn closes the sockets it has before it opens others, and ends where it cannot.
    """
    if not MASTER.moves:
        require_guarded(new, MASTER.addresses)
    elif new.server.bind != old.server.bind:
        require_free(new.server.bind)
    _hold(new)


def _problems(error: Exception) -> str:
    """The text of UNFIT; of a defect its kind and place alone, whose text may hold a secret."""
    if isinstance(error, UNFIT):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.filename}, line {last.lineno}"


def claim_places(
    settings: Settings, gunicorn: Any, environ: MutableMapping[str, str]
) -> None:
    """Make sure, before a socket is opened, that this server has its places to itself.

    `gunicorn` is its configuration: `bind` as it was given, and the `address` of each, where
    a number is a socket that is open already. Raises UNFIT.
    """
    MASTER.moves = gunicorn.bind == [settings.server.bind]
    # Who succeeds a gunicorn that still runs (SIGUSR2) has the folder after it.
    if "GUNICORN_PID" not in environ:
        _hold(settings)
    if not inherited(environ):
        for address in gunicorn.address:
            if not isinstance(address, int):
                require_free(written(address), patience_s=PATIENCE_S)


def require_guarded(settings: Settings, addresses: Sequence[str]) -> None:
    """Make sure that who serves everybody has been told to: SettingsError if not.

    `addresses` are where it listens, whatever `server.bind` says.
    """
    MASTER.addresses = tuple(addresses)
    if settings.auth.mode != "auto" or settings.auth_required:
        return
    for address in addresses:
        if not replace(settings.server, bind=address).loopback:
            raise SettingsError([open_to_others(f"gunicorn's bind {address}")])


def _hold(settings: Settings) -> None:
    """Have the file of the data folder; one that is held is not opened again, see `claim`."""
    held = MASTER.pid_file
    if held is None or held.folder.resolve() != settings.data_dir.resolve():
        MASTER.pid_file = PidFile.claim(settings.data_dir)
        if held:
            held.release()
    assert MASTER.pid_file
    MASTER.pid_file.write(settings.server.bind if MASTER.moves else "")


def leave_places() -> None:
    """The server ends."""
    if MASTER.pid_file:
        MASTER.pid_file.release()
        MASTER.pid_file = None


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
    _prepare_limits(loaded.settings)
    if loaded.settings.pools:
        return loaded
    tables = pools_from(discover(port_of(loaded.settings)))
    if not tables:
        return loaded
    environ[DISCOVERED] = json.dumps(tables)
    return load_with_origins(environ=environ)


def _prepare_database(settings: Settings) -> None:
    """One that is away is no reason not to serve who is in the configuration."""
    with closing(open_database(settings)) as database:
        try:
            require_current(database)
        except StorageUnavailable as error:
            if MASTER.good is None:
                said = reason(error.__cause__ or error)
                sys.stderr.write(f"the database does not answer: {said}\n")


def _prepare_limits(settings: Settings) -> None:
    """Workers do the same, and the server would end with the first that cannot."""
    try:
        make_limiting(settings)
    except Exception as error:  # every kind of store has errors of its own
        raise SettingsError(
            [
                "limits.storage_url: nothing can be counted there "
                f"({type(error).__name__}); give another address"
            ]
        ) from error


def port_of(settings: Settings) -> int | None:
    """The port of the bind address, None for a unix socket."""
    port = settings.server.bind.rpartition(":")[2]
    return int(port) if port.isdigit() else None


def start_banner(loaded: Loaded, bind: str) -> str:
    """The lines for the terminal, with what will answer: real upstreams, or the demo."""
    settings = loaded.settings
    shown = settings if settings.pools else replace(settings, pools=demo_pools(""))
    return banner(shown, bind, notices=loaded.notices)
