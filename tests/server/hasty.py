"""The production worker with deadlines that a test can wait for; nothing else differs."""

from typing import Any, ClassVar

from llmwrap.server.front import Front
from llmwrap.server.protocol import ClientProtocol
from llmwrap.server.worker import RelayWorker

HEAD_S = 0.4
BODY_S = 0.4
STALL_S = 0.5
LINGER_S = 0.5


class HastyProtocol(ClientProtocol):
    HEAD_S: ClassVar[float] = HEAD_S
    STALL_S: ClassVar[float] = STALL_S


class HastyFront(Front):
    BODY_S: ClassVar[float] = BODY_S
    LINGER_S: ClassVar[float] = LINGER_S


class HastyWorker(RelayWorker):
    FRONT: ClassVar[type[Front]] = HastyFront
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **RelayWorker.CONFIG_KWARGS,
        "http": HastyProtocol,
    }
