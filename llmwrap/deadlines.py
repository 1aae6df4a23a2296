"""When one request has to have moved on: no clock of its own, `now` is monotonic seconds."""

import math

from llmwrap.errors import UpstreamOverran, UpstreamTimeout
from llmwrap.settings.values import Timeouts


class Deadlines:
    """The deadlines of one request, and the heartbeats of its stream.

    `at` is the next deadline; the total one holds for all attempts together.
    """

    def __init__(self, timeouts: Timeouts, started: float, *, heartbeats: bool) -> None:
        self._timeouts = timeouts
        self._heartbeat_s = timeouts.heartbeat_s if heartbeats else math.inf
        self._heartbeat_at = started + self._heartbeat_s
        self.total = self.at = started + timeouts.total_s
        self._idle_s = timeouts.idle_s
        self._idle = False

    def wake_at(self, now: float) -> float:
        """When something is due, whatever happens until then.

        No later than the idle timeout from now, because bytes may set that deadline anew.
        """
        return min(self.at, self._heartbeat_at, now + self._timeouts.idle_s)

    def queued(self, now: float) -> None:
        """A wait for a free slot begins."""
        self._within(now, self._timeouts.queue_s)

    def asked(self, now: float) -> None:
        """An attempt begins."""
        self._idle = False
        self._within(now, self._timeouts.connect_s + self._timeouts.first_byte_s)

    def received(self, now: float) -> None:
        """Bytes of an answer have come."""
        self._idle = True
        at = now + self._idle_s
        self.at = at if at < self.total else self.total  # once for each piece: no calls

    def gave(self, now: float) -> None:
        """The client was given something."""
        self._heartbeat_at = now + self._heartbeat_s

    def heartbeat_due(self, now: float) -> bool:
        """Whether the client has heard nothing for too long."""
        return now >= self._heartbeat_at

    def error(self, now: float) -> UpstreamTimeout:
        """Which deadline has passed."""
        if now >= self.total:
            return UpstreamOverran(
                f"the total timeout of {self._timeouts.total_s:g} s passed"
            )
        if self._idle:
            what, seconds = "idle", self._timeouts.idle_s
        else:
            what, seconds = "first byte", self._timeouts.first_byte_s
        return UpstreamTimeout(f"the {what} timeout of {seconds:g} s passed")

    def _within(self, now: float, seconds: float) -> None:
        self.at = min(now + seconds, self.total)
