"""Blocking calls to upstreams, for the generator driver and the control plane.

`requests` adapters without a session: no redirects, no cookies, no environment proxies or
netrc, no decompression, no retries of its own. One connection pool per upstream.

Names are looked up by the system as long as it takes, and `connect_s` is for each address: what
bounds both stands in the event loop (`server/resolver.py`), where production's requests are made.
"""

import errno
import ssl
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from llmwrap.dialects.base import Call
from llmwrap.errors import (
    GatewayError,
    Overloaded,
    UpstreamDisconnected,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from llmwrap.settings.values import Timeouts
from llmwrap.upstreams.upstream import Upstream

STALE_S = 0.5
"""A kept connection that breaks so soon had been closed before the request came: nothing was lost.
Later the upstream may have worked on it, and sending it again there could run it twice.
"""

_READ_BYTES = 65_536
_LINGER_S = 0.05

_OUT_OF_SOCKETS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)


class OpenAnswer:
    """An upstream's answer being read by one thread; the holder closes it."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._raw: urllib3.HTTPResponse = response.raw
        self.status = response.status_code
        self.content_type = response.headers.get("Content-Type", "")
        self.retry_after = response.headers.get("Retry-After", "")

    def read(self, timeout_s: float) -> bytes:
        """The bytes that came next, b"" at a proper end; raises when it broke or took too long.

        After a timeout nothing more can be read: the standard library's reader is dead then.
        """
        self._set_timeout(timeout_s)
        try:
            data: bytes = self._raw.read1(_READ_BYTES, decode_content=False)
        except (TimeoutError, urllib3.exceptions.ReadTimeoutError) as error:
            raise UpstreamTimeout("the upstream fell silent") from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise broken(begun=True) from error
        return data

    def close(self) -> None:
        """Give the connection back if the answer is at its end (or is about to be), else cut it."""
        with suppress(GatewayError):
            self.read(_LINGER_S)
        self._response.close()

    def abort(self) -> None:
        """Cut the connection, so that the upstream stops working for nobody."""
        self._raw.close()
        self._response.close()

    def _set_timeout(self, timeout_s: float) -> None:
        connection = self._raw.connection
        sock = getattr(connection, "sock", None)
        if sock is not None:
            sock.settimeout(max(timeout_s, 0.001))


class _Adapter(HTTPAdapter):
    """One upstream's connections; who is trusted in TLS is up to `tls` alone."""

    def __init__(self, tls: ssl.SSLContext | None, most_kept: int) -> None:
        self._tls = tls
        self._this_thread = threading.local()
        super().__init__(pool_connections=1, pool_maxsize=most_kept, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": self._noting(urllib3.HTTPConnectionPool),
            "https": self._noting(urllib3.HTTPSConnectionPool),
        }

    def _noting(self, pool: Any) -> Any:
        """A pool that notes when a connection is made; urllib3 does not tell (2.8)."""
        this_thread = self._this_thread

        class Connection(pool.ConnectionCls):  # type: ignore[misc]
            def connect(self) -> None:
                this_thread.connected = True
                super().connect()

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    def begin(self) -> None:
        """A request of this thread begins."""
        self._this_thread.connected = False

    @property
    def reused(self) -> bool:
        """Whether this thread's last request went out on a kept connection."""
        return not self._this_thread.connected

    def cert_verify(self, *args: Any) -> None:
        """Add nothing to the context: `requests` would trust its own list instead."""


class UpstreamClient:
    """Opens calls; thread-safe. Make it after a fork: sockets are not shared by processes."""

    def __init__(self, timeouts: Timeouts, max_connections: int) -> None:
        self._timeouts = timeouts
        self._max_connections = max_connections
        self._adapters: dict[str, _Adapter] = {}
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def open(self, upstream: Upstream, call: Call, first_byte_s: float) -> OpenAnswer:
        """Send `call` and wait for the head of the answer; a GatewayError when none comes.

        A kept connection that the upstream closed meanwhile is replaced, once: nothing was lost.
        """
        prepared, adapter = _prepare(upstream, call), self._adapter(upstream)
        asked_at = time.monotonic()
        adapter.begin()
        try:
            return self._send(adapter, prepared, first_byte_s)
        except UpstreamDisconnected:
            if not adapter.reused or time.monotonic() - asked_at >= STALE_S:
                raise
            adapter.close()  # the idle ones: what closed one of them has closed the others
            return self._send(adapter, prepared, first_byte_s)

    def _send(
        self, adapter: _Adapter, prepared: requests.PreparedRequest, first_byte_s: float
    ) -> OpenAnswer:
        timeout = (self._timeouts.connect_s, first_byte_s)
        try:
            response = adapter.send(
                prepared, stream=True, timeout=timeout, verify=True, proxies=None
            )
        except requests.ConnectTimeout as error:
            raise UpstreamUnreachable(
                "the upstream did not accept a connection"
            ) from error
        except requests.Timeout as error:
            raise UpstreamTimeout(
                f"the first byte timeout of {first_byte_s:g} s passed"
            ) from error
        except requests.ConnectionError as error:
            raise _connection_failure(error) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UpstreamProtocolError(
                "the upstream's answer is no valid HTTP"
            ) from error
        return OpenAnswer(response)

    def fetch(
        self, upstream: Upstream, call: Call, limit_bytes: int
    ) -> tuple[int, bytes]:
        """Status and body of a short call; UpstreamProtocolError over `limit_bytes`.

        UpstreamTimeout when it is not whole within `total_s`, however it drips.
        """
        deadline = time.monotonic() + self._timeouts.total_s
        answer = self.open(upstream, call, self._timeouts.first_byte_s)
        parts: list[bytes] = []
        size = 0
        try:
            while data := answer.read(
                min(self._timeouts.idle_s, deadline - time.monotonic())
            ):
                size += len(data)
                if size > limit_bytes:
                    raise UpstreamProtocolError("the upstream's answer is too long")
                parts.append(data)
        except GatewayError:
            answer.abort()
            raise
        answer.close()
        return answer.status, b"".join(parts)

    def close(self) -> None:
        """Close every kept connection."""
        for adapter in self._adapters.values():
            adapter.close()

    def _adapter(self, upstream: Upstream) -> _Adapter:
        adapter = self._adapters.get(upstream.name)
        if adapter is None:
            with self._lock:
                adapter = self._adapters.setdefault(
                    upstream.name, self._new_adapter(upstream)
                )
        return adapter

    def _new_adapter(self, upstream: Upstream) -> _Adapter:
        """It trusts the system's authorities (`SSL_CERT_FILE`), as the event loop does."""
        if upstream.url.startswith("https:") and self._tls is None:
            self._tls = ssl.create_default_context()
        return _Adapter(self._tls, self._max_connections)


def _prepare(upstream: Upstream, call: Call) -> requests.PreparedRequest:
    """A prepared request made by hand: `requests` would add cookies, netrc and defaults."""
    prepared = requests.PreparedRequest()
    prepared.method = call.method
    prepared.url = upstream.url + call.path
    prepared.body = call.body or None
    fields: Any = requests.structures.CaseInsensitiveDict(call.headers)
    fields.update(upstream.credentials)
    fields["Accept-Encoding"] = "identity"
    if call.body:
        fields["Content-Length"] = str(len(call.body))
    prepared.headers = fields
    return prepared


def _connection_failure(error: requests.ConnectionError) -> GatewayError:
    """Nothing sent (refused, no such host, bad certificate), or broken after that."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    before = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.SSLError,
        urllib3.exceptions.NameResolutionError,
    )
    if isinstance(error, requests.exceptions.SSLError) or isinstance(reason, before):
        return no_connection(reason.__cause__ if reason else None)
    if isinstance(cause, urllib3.exceptions.ProtocolError):
        told = cause.args[-1]
        if isinstance(told, HTTPException) and not isinstance(told, OSError):
            return UpstreamProtocolError("the upstream's answer is no valid HTTP")
    return broken(begun=False)


def no_connection(cause: BaseException | None) -> GatewayError:
    """Why no connection was made: no socket left here, which blames no upstream, or its fault."""
    if isinstance(cause, OSError) and cause.errno in _OUT_OF_SOCKETS:
        return Overloaded("this server has no socket left", retry_after_s=1)
    return UpstreamUnreachable("the upstream cannot be reached")


def broken(*, begun: bool) -> UpstreamDisconnected:
    """The connection broke, before the answer or in it."""
    when = "in the middle of its answer" if begun else "before it answered"
    return UpstreamDisconnected(f"the upstream closed the connection {when}")
