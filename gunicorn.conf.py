"""gunicorn's settings. What the operator decides comes from llmwrap's own configuration.

`./run` and `gunicorn -c gunicorn.conf.py wsgi:app` are the same server. The names are gunicorn's.
"""

import gc
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import llmwrap.app  # noqa: F401 - workers, also those of a reload, share this code
from llmwrap.listening import written
from llmwrap.logs import logging_config
from llmwrap.server.arbiter import be_patient
from llmwrap.startup import (
    UNFIT,
    claim_places,
    leave_places,
    load_for_start,
    require_guarded,
    start_banner,
)


@contextmanager
def _told():
    """What stops a start is said in lines of its own, with the status of bad settings."""
    try:
        yield
    except UNFIT as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(78)
    except KeyboardInterrupt:
        sys.exit(130)


with _told():
    _loaded = load_for_start(os.environ)

_server = _loaded.settings.server

bind = _server.bind
workers = _server.workers
threads = _server.threads
worker_class = "llmwrap.server.worker.RelayWorker"  # no thread waits for a model
worker_connections = _server.max_connections
backlog = 256  # a full backlog refuses at once, which a balancer understands

timeout = 60  # liveness of a worker's main loop; does not bound a request
graceful_timeout = 120  # how long streams may go on after SIGTERM
keepalive = 75  # longer than nginx keeps its side (60 s), so that nginx closes first
max_requests = 0  # recycling a worker cuts its streams
preload_app = False  # sockets, threads and SQLite handles do not survive a fork
reuse_port = False

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
forwarded_allow_ips = "127.0.0.1"
forwarder_headers = ""
header_map = "drop"  # a header with an underscore could pose as another one

_memory = Path("/dev/shm")  # noqa: S108 - a place in memory for the liveness file, not for ours
worker_tmp_dir = str(_memory) if _memory.is_dir() else None  # never a slow disk
control_socket_disable = True  # its default path is shared by all servers of a user
logconfig_dict = logging_config(_loaded.settings.log)
proc_name = "llmwrap"


def on_starting(server):
    """Before the socket is opened: nobody else has the address or the data folder."""
    with _told():
        claim_places(_loaded.settings, server.cfg, os.environ)


def when_ready(server):
    """The socket is open: say what was found, and three lines to try."""
    be_patient(server)
    listening = [written(each.getsockname()) for each in server.LISTENERS]
    with _told():
        require_guarded(_loaded.settings, listening)
    sys.stdout.write(f"{start_banner(_loaded, listening[0])}\n")
    sys.stdout.flush()


def on_exit(_server):
    """The server has ended, and its workers have."""
    leave_places()


def pre_fork(_server, _worker):
    """What workers share they must not write to, and a collection would, to every object."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker):
    """After the fork: threads and refreshers start now, not at the first request."""
    worker.wsgi.extensions["llmwrap"].start()


def worker_exit(_server, worker):
    """The worker ends: close its connections and threads."""
    wsgi = getattr(worker, "wsgi", None)
    if wsgi is not None:
        wsgi.extensions["llmwrap"].stop()
