"""Which upstreams the operator is taking out: a small file that every worker looks at.

A drained upstream gets no new request; what runs there goes on. The file outlives a restart.
"""

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream

log = logging.getLogger(__name__)

LOOK_S = 1.0
FILE = "drained.json"


def read_drained(data_dir: Path) -> frozenset[str]:
    """The names in the file; none where there is no file. ValueError when it is none of ours."""
    try:
        names = json.loads((data_dir / FILE).read_bytes())
    except FileNotFoundError:
        return frozenset()
    if not isinstance(names, list):
        raise ValueError(f"{FILE} is no list of names")
    return frozenset(map(str, names))


def write_drained(data_dir: Path, names: Iterable[str]) -> None:
    """Replace the file as a whole, so that no worker reads half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=data_dir)
    with os.fdopen(descriptor, "w") as file:
        json.dump(sorted(names), file)
    Path(temporary).replace(data_dir / FILE)


class DrainWatch:
    """One thread of a worker that carries the file's names over to its pools' upstreams."""

    def __init__(self, data_dir: Path, pools: tuple[Pool, ...]) -> None:
        self._data_dir = data_dir
        self._pools = pools
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)

    def look(self) -> None:
        """Read the file now."""
        names = read_drained(self._data_dir)
        for pool in self._pools:
            for upstream in pool.upstreams:
                if upstream.draining != (upstream.name in names):
                    _switch(pool, upstream)

    def start(self) -> None:
        """Look from now on, every second; after a fork, never before."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._stopped.is_set():
            try:
                self.look()
                failing = False
            except (OSError, ValueError) as error:
                if not failing:
                    log.warning("drain_file_unreadable", extra={"problem": str(error)})
                failing = True
            self._stopped.wait(LOOK_S)


def _switch(pool: Pool, upstream: Upstream) -> None:
    upstream.draining = not upstream.draining
    event = "upstream_drained" if upstream.draining else "upstream_back"
    log.warning(event, extra={"upstream": upstream.name})
    if not upstream.draining:
        pool.offer((upstream,), time.monotonic())
