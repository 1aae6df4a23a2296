"""The identity provider's keys, kept at hand: fetched seldom, never in a request's way for long.

A failed fetch takes nothing away: keys stay good for a day while their provider is down. What
they verify is `oidc`'s business.
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import urllib3
from jwt.algorithms import AllowedPublicKeys

from llmwrap.auth.public_keys import PublicKey, only_key, read_jwks
from llmwrap.errors import IdentityProviderUnavailable

log = logging.getLogger(__name__)

REFRESH_S = 300
STALE_S = 86_400
COOL_DOWN_S = 30
"""Between two fetches while there are keys, whatever tokens name."""
RETRY_S = 5
"""Between two fetches while there are none."""
WAIT_S = 2.0
"""How long a request waits for a fetch, its own or another's."""
MAX_WAITING = 8
"""Requests that wait at the same moment: a silent provider must not take every thread."""

FETCH_S = 3.0
MAX_BYTES = 1_048_576
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _Held:
    keys: tuple[PublicKey, ...]
    asked_at: float


@dataclass(frozen=True, slots=True)
class _Flight:
    """One fetch under way, or over."""

    started: float
    landed: threading.Event = field(default_factory=threading.Event)


class Jwks:
    """A provider's keys; safe to share by threads. Make it after a fork.

    `fetch` gives the bytes of the JWK Set and may raise anything; it runs on a thread of its
    own. `clock` may be set back: what lies in the future counts as long ago. The lock guards
    which fetch is the last one.
    """

    def __init__(
        self,
        fetch: Callable[[], bytes],
        clock: Callable[[], float] = time.monotonic,
        *,
        wait_s: float = WAIT_S,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._held: _Held | None = None
        self._flight: _Flight | None = None
        self._failing: bool | None = None

    def refresh(self) -> None:
        """Begin to fetch, unless that happened just now: for the start of a worker."""
        self._last_flight(RETRY_S)

    def find(self, kid: str | None, algorithm: str) -> AllowedPublicKeys | None:
        """The key that a token names, None for one that this provider does not have.

        A name that is not known may cost one fetch in 30 s. Raises IdentityProviderUnavailable
        while no keys are known that are younger than a day, or the fetch takes too long.
        """
        keys = self._keys()
        if keys is None:
            self._wait_for(self._last_flight(RETRY_S))
            keys = self._keys()
            if keys is None:
                raise IdentityProviderUnavailable(
                    "the identity provider does not answer", retry_after_s=RETRY_S
                )
            return only_key(keys, kid, algorithm)
        key = only_key(keys, kid, algorithm)
        if key is None:
            self._wait_for(self._last_flight(COOL_DOWN_S))
            key = only_key(self._keys() or (), kid, algorithm)
        return key

    def _keys(self) -> tuple[PublicKey, ...] | None:
        """The keys that are good; begins to fetch new ones when they are not fresh."""
        held = self._held
        if held is None or self._long_ago(held.asked_at, STALE_S):
            return None
        if self._long_ago(held.asked_at, REFRESH_S):
            self._last_flight(COOL_DOWN_S)
        return held.keys

    def _long_ago(self, then: float, seconds: float) -> bool:
        return not 0 <= self._clock() - then < seconds

    def _last_flight(self, pause_s: float) -> _Flight:
        """The fetch that began within `pause_s`; begins one where there is none."""
        with self._lock:
            last = self._flight
            if last is not None and not self._long_ago(last.started, pause_s):
                return last
            flight = self._flight = _Flight(self._clock())
        try:
            threading.Thread(
                target=self._fly, args=(flight,), name="jwks", daemon=True
            ).start()
        except RuntimeError:  # no thread to be had; the next fetch may have one
            flight.landed.set()
        return flight

    def _wait_for(self, flight: _Flight) -> None:
        if flight.landed.is_set():
            return
        if self._waiting.acquire(blocking=False):
            try:
                landed = flight.landed.wait(self._wait_s)
            finally:
                self._waiting.release()
            if landed:
                return
        raise IdentityProviderUnavailable(
            "the identity provider is still being asked for its keys", retry_after_s=1
        )

    def _fly(self, flight: _Flight) -> None:
        try:
            keys = read_jwks(self._fetch())
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the old keys stay
            self._tell(type(error).__name__)
        else:
            if self._flight is flight:  # else it was overtaken
                self._held = _Held(keys, flight.started)
            self._tell("")
        finally:
            flight.landed.set()

    def _tell(self, error: str) -> None:
        """One line for each change, not for each fetch."""
        failing, self._failing = self._failing, bool(error)
        if failing == self._failing:
            return
        if error:
            log.warning("keys_not_fetched", extra={"error": error})
        else:
            log.info("keys_fetched")


class FetchFailed(Exception):
    """The provider answered something else than a short document."""


def fetcher(url: str) -> Callable[[], bytes]:
    """What fetches the document at `url`, from the machine itself and from nowhere else.

    No redirect, no proxy, no netrc, no decompression; at most 3 s and 1 MiB. It trusts the
    system's authorities (`SSL_CERT_FILE`). Raises FetchFailed, OSError or what urllib3 raises.
    """
    tls = ssl.create_default_context() if url.startswith("https:") else None

    def fetch() -> bytes:
        with urllib3.PoolManager(1, retries=False, ssl_context=tls) as pool:
            return _fetch_with(pool, url)

    return fetch


def _fetch_with(pool: urllib3.PoolManager, url: str) -> bytes:
    deadline = time.monotonic() + FETCH_S
    response = pool.request(
        "GET",
        url,
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        timeout=urllib3.Timeout(total=FETCH_S),
        redirect=False,
        preload_content=False,
        decode_content=False,
    )
    try:
        if response.status != 200:
            raise FetchFailed(f"status {response.status}")
        return _read(response, deadline)
    finally:
        response.close()


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The whole body, unless it is too long or takes too long, however it drips."""
    body = b""
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise FetchFailed("too slow")
        sock = getattr(response.connection, "sock", None)
        if sock is not None:
            sock.settimeout(left_s)
        data = response.read1(_READ_BYTES)
        if not data:
            return body
        body += data
        if len(body) > MAX_BYTES:
            raise FetchFailed("too long")
