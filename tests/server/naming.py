"""The production worker with a name service of the test's own; nothing else differs.

The addresses of NAME stand in the file `names/NAME` of the server's home. No file: no such name. A
pipe: the lookup hangs until somebody has written.
"""

import socket
from pathlib import Path
from typing import ClassVar

from llmwrap.server.resolver import Resolver
from llmwrap.server.worker import RelayWorker

WORKER = ("--worker-class", "tests.server.naming.NamingWorker")


def look_up(host: str) -> tuple[str, ...]:
    try:
        return tuple((Path.home() / "names" / host).read_text("ascii").split())
    except FileNotFoundError as error:
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from error


class NamingResolver(Resolver):
    def __init__(self, patience_s: float) -> None:
        super().__init__(patience_s, look_up)


class NamingWorker(RelayWorker):
    RESOLVER: ClassVar[type[Resolver]] = NamingResolver
