"""What becomes of a finished Exchange: each sink is a function of it, run after the last byte.

A failing sink is logged and never felt: the answer has left, and the other sinks still run.
"""

import logging
from collections.abc import Callable

from llmwrap.exchange import Exchange

log = logging.getLogger(__name__)

Sink = Callable[[Exchange], None]


def publish(exchange: Exchange, sinks: tuple[Sink, ...]) -> None:
    """Hand `exchange` to every sink, each in its own try."""
    for sink in sinks:
        try:
            sink(exchange)
        except Exception:
            log.exception("sink_failed", extra={"request_id": exchange.request_id})
