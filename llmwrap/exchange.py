"""The record of one request: facts noted as they happen, read by the sinks after the last byte.

Not a place for decisions. Times are monotonic seconds; one thread writes at a time.
"""

from dataclasses import dataclass, field
from typing import Literal

from llmwrap.canonical.answers import Stamp
from llmwrap.canonical.events import Usage
from llmwrap.canonical.transcript import Transcript
from llmwrap.errors import GatewayError

Outcome = Literal[
    "ok",
    "refused",
    "failed",
    "client_abort",
    "upstream_abort",
    "gateway_timeout",
    "drained",
]


@dataclass(slots=True)
class Attempt:
    """One try on one upstream; `error` is the code of what ended it, None for an answer.

    `rest_s` is how long a busy upstream wants to be left alone.
    """

    upstream: str
    started: float
    status: int | None = None
    error: str | None = None
    seconds: float | None = None
    rest_s: float | None = None

    def lasted(self, now: float) -> float:
        """Seconds from its start to its end, or to now."""
        return now - self.started if self.seconds is None else self.seconds

    def open(self, status: int, rest_s: float | None) -> None:
        """Note the head of the answer."""
        self.status = status
        self.rest_s = rest_s

    def close(self, now: float, error: GatewayError | None = None) -> None:
        """Note the end; only the first call counts. What it told goes before the default."""
        if self.seconds is not None:
            return
        self.seconds = now - self.started
        self.error = error.code if error else None
        asked = error.retry_after_s if error else None
        self.rest_s = None if asked is None else self.rest_s or asked


@dataclass(slots=True)
class Exchange:
    """What happened to one request.

    `id` is ours and unique (it also goes upstream); `request_id` is what the caller sees, its
    own where that was well formed. `began` is Unix seconds, all other times are monotonic.
    `model` is the name that was asked for. `transcript` is kept where somebody wants it;
    `rescued` counts the tokens said before another upstream went on, `delivered` about those
    of all that was written for the client: each piece of an answer is one at least.
    """

    id: str
    request_id: str
    method: str
    path: str
    client_ip: str
    started: float
    began: float = 0.0
    traceparent: str = ""
    session: str = ""
    affinity: str = ""
    user_id: str = ""
    user: str = ""
    auth_kind: str = ""
    key_id: str = ""
    token_id: str = ""
    token_version: int | None = None
    service: str = ""
    operation: str = ""
    model: str = ""
    upstream_model: str = ""
    stream: bool = False
    queued_s: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    transcript: Transcript | None = None
    rescued: int = 0
    delivered: int = 0
    status: int = 0
    error: GatewayError | None = None
    outcome: Outcome = "ok"
    usage: Usage | None = None
    finish_reasons: dict[int, str] = field(default_factory=dict)
    first_byte: float | None = None
    ended: float | None = None

    def fail(self, error: GatewayError, outcome: Outcome | None = None) -> None:
        """Note the error that the caller is told; without `outcome` its status decides."""
        self.error = error
        self.outcome = outcome or ("refused" if error.status < 500 else "failed")

    @property
    def stamp(self) -> Stamp:
        """What its answer is known by."""
        return Stamp(self.id.removeprefix("req_"), self.began)

    @property
    def upstream(self) -> str:
        """The upstream that served, or was tried last."""
        return self.attempts[-1].upstream if self.attempts else ""

    @property
    def rest_s(self) -> float | None:
        """The shortest rest that a tried upstream asked for, None when none did."""
        rests = [each.rest_s for each in self.attempts if each.rest_s is not None]
        return min(rests, default=None)

    @property
    def seconds(self) -> float:
        """How long it took, 0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started
