"""The scripted upstream: a threaded TCP server on loopback that does as it is told.

It knows HTTP only as far as reading requests; every byte of an answer is the script's.
"""

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from tests.fakes.answers import json_answer
from tests.fakes.answers import models as models_answer
from tests.fakes.connection import Connection, PeerGone
from tests.fakes.lifetime import Lifetime, Stopped
from tests.fakes.recorded import Recorded, read_body, read_head
from tests.fakes.steps import Step

MAX_CONNECTIONS = 512

Script = Sequence[Step] | Callable[[Recorded], Sequence[Step]]
Route = tuple[str, str]


class LeakedThreads(AssertionError):
    """Threads of the fake that did not end when it was closed."""


class FakeUpstream:
    """A server on `url`; a context manager that owns its threads and sockets.

    `GET /v1/models` lists `models`; a path without a script is 404 in JSON. After a
    script the connection takes the next request, unless a step or the client ended it:
    an answer that is framed by its end needs a `close()`. Whatever goes wrong in a
    script, and a thread that does not end, is raised when the fake is closed (as a note
    on the test's own failure, if there is one). No wait takes longer than `bound_s`
    seconds.

    Methods are thread-safe; the lock guards the journal, the routes and the counts.
    """

    def __init__(
        self,
        models: Sequence[str] = (),
        bound_s: float = 10.0,
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self._lifetime = Lifetime(bound_s)
        self._changed = threading.Condition()
        self._routes: dict[Route, deque[Script]] = {}
        self._early_routes: dict[Route, Script] = {}
        self._journal: list[Recorded] = []
        self._errors: list[Exception] = []
        self._accepted = 0
        self._active = 0
        self._closed = False
        self._listener = socket.create_server(at, backlog=128)
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://{at[0]}:{self.port}"
        self.on("GET", "/v1/models", models_answer(*models))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def journal(self) -> tuple[Recorded, ...]:
        """The requests read so far, in order."""
        with self._changed:
            return tuple(self._journal)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._changed:
            return self._accepted

    @property
    def active(self) -> int:
        """How many connections are open on our side."""
        with self._changed:
            return self._active

    def on(
        self, method: str, path: str, script: Script, then: Sequence[Script] = ()
    ) -> None:
        """Answer by `script`, the next request by the first of `then`, and so on.

        The last one stays. `path` is compared without the query; an earlier call for
        the same route is replaced.
        """
        with self._changed:
            self._routes[method, path] = deque([script, *then])

    def chat(self, script: Script, then: Sequence[Script] = ()) -> None:
        """`on` for `POST /v1/chat/completions`."""
        self.on("POST", "/v1/chat/completions", script, then)

    def before_body(self, method: str, path: str, script: Script) -> None:
        """Run `script` once the head is read, then close; the body stays unread."""
        with self._changed:
            self._early_routes[method, path] = script

    def wait_for_requests(self, count: int) -> None:
        """Hold until the journal has `count` requests; TimeoutError at the bound."""
        self._wait_until(lambda: len(self._journal) >= count, f"{count} requests")

    def wait_for_active(self, count: int) -> None:
        """Hold until `count` connections are open; TimeoutError at the bound."""
        self._wait_until(lambda: self._active == count, f"{count} open connections")

    def close(self) -> None:
        """End every thread and socket. Raises what went wrong since the start, once."""
        troubles = self._stop()
        if len(troubles) == 1:
            raise troubles[0]
        if troubles:
            raise ExceptionGroup("scripts of the fake upstream failed", troubles)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        for trouble in self._stop():
            error.add_note(f"fake upstream: {trouble!r}")

    def _wait_until(self, reached: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(reached, self._lifetime.bound_s):
                raise TimeoutError(
                    f"waited for {what}; there are {len(self._journal)} requests "
                    f"and {self._active} open connections"
                )

    def _stop(self) -> list[Exception]:
        if self._closed:
            return []
        self._closed = True
        self._lifetime.stop()
        deadline = self._lifetime.deadline()
        self._threads[0].join(self._lifetime.bound_s)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._listener.close()
        self._lifetime.release()
        leaked = [thread.name for thread in self._threads if thread.is_alive()]
        if leaked:
            return [*self._errors, LeakedThreads(f"still running: {leaked}")]
        return self._errors

    def _accept(self) -> None:
        try:
            while len(self._threads) <= MAX_CONNECTIONS:
                self._lifetime.wait_ready(self._listener, select.POLLIN, None)
                self._start(self._listener.accept()[0])
            raise RuntimeError(f"more than {MAX_CONNECTIONS} connections")
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001 - raised by close, in the test
            self._errors.append(error)

    def _start(self, sock: socket.socket) -> None:
        with self._changed:
            self._accepted += 1
            self._active += 1
            connection = Connection(sock, self._accepted, self._lifetime)
            self._changed.notify_all()
        name = f"fake-upstream-connection-{connection.number}"
        thread = threading.Thread(
            target=self._serve, args=[connection], name=name, daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            while not connection.over and connection.wait_for_request():
                self._answer(connection)
        except (Stopped, PeerGone):
            return
        except Exception as error:  # noqa: BLE001 - raised by close, in the test
            self._errors.append(error)
        finally:
            connection.close()
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _answer(self, connection: Connection) -> None:
        request = read_head(connection)
        early = self._early_script(request)
        if early is not None:
            _run(early, request, connection)
            connection.close()
            return
        request = read_body(connection, request)
        _run(self._next_script(request), request, connection)
        if not request.keeps_alive:
            connection.close()

    def _early_script(self, request: Recorded) -> Script | None:
        with self._changed:
            script = self._early_routes.get((request.method, request.path))
            if script is not None:
                self._record(request)
            return script

    def _next_script(self, request: Recorded) -> Script:
        with self._changed:
            self._record(request)
            scripts = self._routes.get((request.method, request.path))
            if scripts is None:
                return _not_scripted
            return scripts.popleft() if len(scripts) > 1 else scripts[0]

    def _record(self, request: Recorded) -> None:
        self._journal.append(request)
        self._changed.notify_all()


def _run(script: Script, request: Recorded, connection: Connection) -> None:
    for step in script(request) if callable(script) else script:
        step(connection)


def _not_scripted(request: Recorded) -> list[Step]:
    message = f"the fake has no script for {request.method} {request.path}"
    error = {"message": message, "type": "invalid_request_error", "code": "not_found"}
    return json_answer(404, {"error": error})
