"""When one request has to have moved on: no clock of its own, `now` is monotonic seconds."""

import math

from llmwrap.canonical.messages import Request
from llmwrap.errors import UpstreamOverran, UpstreamTimeout
from llmwrap.settings.values import Timeouts

TOOLS_PATIENCE = 4
"""Times the idle timeout where tools are offered: Ollama, and some of vLLM's parsers, are silent
until a call is whole, and one that writes a file takes minutes."""


class Deadlines:
    """The deadlines of one request, and the heartbeats of its stream.

    `at` is the next deadline; the total one holds for all attempts together. A stream sets
    `received_at` and `given_at` for each of its pieces, and only who looks pays for the sums.
    """

    def __init__(self, timeouts: Timeouts, started: float, request: Request) -> None:
        self._timeouts = timeouts
        self._heartbeat_s = timeouts.heartbeat_s if request.stream else math.inf
        generated = not request.stream and request.operation != "embeddings"
        # A plain answer that a model writes begins when the model is done.
        self._first_byte_s = timeouts.plain_s if generated else timeouts.first_byte_s
        offered = request.body.get("tools") or request.body.get("functions")
        self._idle_s = timeouts.idle_s * (TOOLS_PATIENCE if offered else 1)
        self.total = self._at = started + timeouts.total_s
        self.given_at = started
        self.received_at: float | None = None

    @property
    def at(self) -> float:
        """The next deadline: of silence, once bytes of an answer have come."""
        if self.received_at is None:
            return self._at
        return min(self.received_at + self._idle_s, self.total)

    def wake_at(self, now: float) -> float:
        """When something is due, whatever happens until then.

        No later than the idle timeout from now, because bytes may set that deadline anew.
        """
        heartbeat_at = self.given_at + self._heartbeat_s
        return min(self.at, heartbeat_at, now + self._idle_s)

    def queued(self, now: float) -> None:
        """A wait for a free slot begins."""
        self._within(now, self._timeouts.queue_s)

    def asked(self, now: float) -> None:
        """An attempt begins."""
        self._within(now, self._timeouts.connect_s + self._first_byte_s)

    def heartbeat_due(self, now: float) -> bool:
        """Whether the client has heard nothing for too long."""
        return now >= self.given_at + self._heartbeat_s

    def error(self, now: float) -> UpstreamTimeout:
        """Which deadline has passed."""
        if now >= self.total:
            return UpstreamOverran(
                f"the total timeout of {self._timeouts.total_s:g} s passed"
            )
        if self.received_at is not None:
            what, seconds = "idle", self._idle_s
        else:
            what, seconds = "first byte", self._first_byte_s
        return UpstreamTimeout(f"the {what} timeout of {seconds:g} s passed")

    def _within(self, now: float, seconds: float) -> None:
        self._at = min(now + seconds, self.total)
        self.received_at = None
