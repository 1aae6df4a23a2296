"""Limits in front of every view: Flask's hooks, and the store that Flask-Limiter sets up.

The order is 401 and 403 (the guard), then 429, then whatever a body is refused for. Who was not
asked who he is - probes, preflights, sign-ins, paths that lead nowhere - is not counted here.
"""

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import RedisStorage

from llmwrap.auth.allowances import Admission
from llmwrap.auth.circuit import Circuit
from llmwrap.auth.counters import SCHEME, MemoryCounters, Window
from llmwrap.auth.guard import current
from llmwrap.auth.quotas import Quotas
from llmwrap.auth.redis_counters import PREFIX, RedisCounters
from llmwrap.auth.throttle import LoginThrottle
from llmwrap.settings.values import Settings

CONNECT_S = 0.1
ANSWER_S = 0.15
"""Together what a request waits at most, once, for a store that is gone."""


@dataclass(frozen=True, slots=True)
class Limiting:
    """One worker's limits. No thread and no connection before the first request."""

    quotas: Quotas
    throttle: LoginThrottle
    circuit: Circuit

    @property
    def degraded(self) -> bool:
        """Whether the store of all workers is gone, so that each counts alone."""
        return self.circuit.gone

    def stop(self) -> None:
        """End what may run beside requests."""
        self.circuit.stop()


def make_limiting(settings: Settings, *, prefix: str = PREFIX) -> Limiting:
    """Everything that counts, over the store of `limits.storage_url`.

    `prefix` begins every name in Redis.
    """
    limiter = _limiter(settings.limits.storage_url, prefix)
    storage = limiter.storage
    counters: MemoryCounters | RedisCounters
    if isinstance(storage, RedisStorage):
        counters = shared = RedisCounters(storage)
        probe = Window("{probe}", 1_000_000, 1)
        circuit = Circuit(
            lambda: shared.admit([probe]), (storage.dependency.RedisError,)
        )
        quotas = Quotas(settings, MemoryCounters(), shared, circuit)
    else:
        assert isinstance(storage, MemoryCounters)
        counters = storage
        circuit = Circuit(storage.check)
        quotas = Quotas(settings, storage, None, circuit)
    throttle = LoginThrottle(limiter.limiter, counters, circuit)
    return Limiting(quotas, throttle, circuit)


def _limiter(storage_url: str, prefix: str) -> Limiter:
    """Flask-Limiter 4.1, for its store and strategy.

    Its own hooks cost 27 us a request before they check anything, and 82 us with one rate (an
    empty view 38, 2026-11), so they belong to an application that serves nothing.
    """
    options: dict[str, Any] = {}
    url = f"{SCHEME}://"
    if storage_url != "memory://":
        url = storage_url
        options = {
            "key_prefix": prefix,
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": ANSWER_S,
        }
    limiter = Limiter(
        get_remote_address,
        storage_uri=url,
        storage_options=options,
        strategy="fixed-window",
    )
    limiter.init_app(Flask("limits"))
    return limiter


def register_limits(app: Flask, quotas: Quotas) -> None:
    """Install the hooks; call it after the guard's, whose principal is counted."""

    @app.before_request
    def charge() -> None:
        asked, facts = current()
        principal = facts.get("principal")
        if principal is None:
            return
        asks_model = asked.method == "POST" and facts.access == "generate"
        body = facts.body if asks_model else None
        admission = quotas.admit(principal, facts.exchange, body)
        facts.admission = admission
        if not admission.admitted:
            raise admission.refusal()

    @app.after_request
    def tell(response: Response) -> Response:
        admission: Admission | None = g.get("admission")
        if admission:
            response.headers.extend(admission.headers())
        return response
