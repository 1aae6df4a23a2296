"""The scripted upstream fails on demand, sees hang-ups and leaves nothing behind."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.fakes import (
    Connection,
    FakeUpstream,
    LeakedThreads,
    Recorded,
    Step,
    close,
    expect_hangup,
    half_close,
    json_answer,
    rst,
    send,
    stall,
    wait,
)
from tests.fakes.clients import BOUND_S, GET_X, connect, fetch, fetch_nothing, read_all


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(models=("tiny", "org/large")) as fake:
        yield fake


def broken(request: Recorded) -> list[Step]:
    """A script with a mistake in it."""
    raise KeyError(request.target)


def test_rst_is_seen_as_connection_reset(upstream: FakeUpstream) -> None:
    upstream.on("GET", "/x", [rst()])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_close_is_seen_as_end_of_file(upstream: FakeUpstream) -> None:
    upstream.on("GET", "/x", [send(b"partial"), close()])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        assert read_all(sock) == b"partial"
        upstream.wait_for_active(0)


def test_step_after_close_fails_the_test() -> None:
    fake = FakeUpstream()
    fake.on("GET", "/x", [close(), send(b"late")])
    fetch_nothing(fake)
    with pytest.raises(OSError, match="Bad file descriptor"):
        fake.close()


def test_half_close_still_sees_the_hang_up(upstream: FakeUpstream) -> None:
    gone = threading.Event()
    upstream.on("GET", "/x", [send(b"early"), half_close(), expect_hangup(gone)])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        assert read_all(sock) == b"early"
        assert not gone.is_set()
        sock.sendall(b"more")
    assert gone.wait(BOUND_S)


def test_answer_before_the_body_leaves_it_unread(upstream: FakeUpstream) -> None:
    gone = threading.Event()
    answer = [*json_answer(413, {"error": "too large"}), half_close()]
    upstream.before_body("POST", "/x", [*answer, expect_hangup(gone)])
    with connect(upstream) as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 413 ")
    assert gone.wait(BOUND_S)
    assert upstream.journal[0].body == b""
    assert upstream.journal[0].header("content-length") == "1000000"


def test_wait_holds_the_stream_until_the_test_goes_on(upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.on("GET", "/x", [send(b"one"), wait(gate), send(b"two"), close()])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        assert sock.recv(100) == b"one"
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(100)
        sock.setblocking(True)
        gate.set()
        assert read_all(sock) == b"two"


def test_barrier_joins_two_connections_and_the_test(upstream: FakeUpstream) -> None:
    barrier = threading.Barrier(3)
    upstream.on("GET", "/x", [wait(barrier), send(b"go"), close()])
    with connect(upstream) as first, connect(upstream) as second:
        first.sendall(GET_X)
        second.sendall(GET_X)
        upstream.wait_for_requests(2)
        assert (upstream.active, upstream.connections) == (2, 2)
        assert {request.connection for request in upstream.journal} == {1, 2}
        barrier.wait(BOUND_S)
        assert (read_all(first), read_all(second)) == (b"go", b"go")


def test_hang_up_by_fin_sets_the_event(upstream: FakeUpstream) -> None:
    gone = threading.Event()
    upstream.on("GET", "/x", [send(b"one"), expect_hangup(gone)])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        assert sock.recv(100) == b"one"
        assert not gone.is_set()
    assert gone.wait(BOUND_S)
    upstream.wait_for_active(0)


def test_hang_up_by_rst_sets_the_event(upstream: FakeUpstream) -> None:
    gone = threading.Event()
    upstream.on("GET", "/x", [send(b"unread"), expect_hangup(gone)])
    sock = connect(upstream)
    sock.sendall(GET_X)
    assert sock.recv(1, socket.MSG_PEEK) == b"u"
    sock.close()
    assert gone.wait(BOUND_S)


def test_hang_up_during_a_send_is_still_noticed(upstream: FakeUpstream) -> None:
    gate, gone = threading.Event(), threading.Event()
    flood = [send(b"x" * 100_000)] * 100
    upstream.on("GET", "/x", [send(b"unread"), wait(gate), *flood, expect_hangup(gone)])
    sock = connect(upstream)
    sock.sendall(GET_X)
    assert sock.recv(1, socket.MSG_PEEK) == b"u"
    sock.close()
    gate.set()
    assert gone.wait(BOUND_S)


def test_peer_that_stays_fails_the_test() -> None:
    fake = FakeUpstream()
    fake.on("GET", "/x", [send(b"one"), expect_hangup(threading.Event())])
    with connect(fake) as sock:
        sock.sendall(GET_X)
        assert sock.recv(100) == b"one"
        with pytest.raises(AssertionError, match="did not close its connection"):
            fake.close()


def test_stall_ends_with_the_fake(upstream: FakeUpstream) -> None:
    upstream.on("GET", "/x", [stall()])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        upstream.wait_for_requests(1)
        upstream.close()
        assert read_all(sock) == b""


def test_stall_ends_with_the_peer(upstream: FakeUpstream) -> None:
    upstream.on("GET", "/x", [stall()])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        upstream.wait_for_requests(1)
    upstream.wait_for_active(0)


@pytest.mark.parametrize("gate", [threading.Event(), threading.Barrier(2)])
def test_close_wakes_a_script_that_waits(
    upstream: FakeUpstream, gate: threading.Event | threading.Barrier
) -> None:
    upstream.on("GET", "/x", [send(b"one"), wait(gate)])
    with connect(upstream) as sock:
        sock.sendall(GET_X)
        assert sock.recv(100) == b"one"
        upstream.close()
    assert upstream.active == 0


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (wait(threading.Event()), "event was not set within 0.05 s"),
        (wait(threading.Barrier(2)), "barrier was not passed within 0.05 s"),
        (stall(), "nothing happened on the socket for 0.05 s"),
    ],
)
def test_wait_past_the_bound_fails_the_test(step: Step, message: str) -> None:
    fake = FakeUpstream(bound_s=0.05)
    fake.on("GET", "/x", [step])
    fetch_nothing(fake)
    with pytest.raises(TimeoutError, match=message):
        fake.close()


def test_peer_that_does_not_read_fails_the_test() -> None:
    blocked = threading.Event()

    def flood(connection: Connection) -> None:
        try:
            while not connection.over:
                connection.send(b"x" * 65_536)
        finally:
            blocked.set()

    fake = FakeUpstream(bound_s=0.05)
    fake.on("GET", "/x", [flood])
    with connect(fake) as sock:
        sock.sendall(GET_X)
        assert blocked.wait(BOUND_S)
        with pytest.raises(TimeoutError, match=r"nothing happened .* for 0\.05 s"):
            fake.close()


def test_idle_connection_is_closed_at_the_bound_without_complaint() -> None:
    with FakeUpstream(bound_s=0.05) as fake, connect(fake) as sock:
        assert read_all(sock) == b""


def test_half_a_request_is_no_request(upstream: FakeUpstream) -> None:
    with connect(upstream) as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhi")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    assert upstream.journal == ()


def test_mistake_in_a_script_is_raised_at_close_once() -> None:
    fake = FakeUpstream()
    fake.on("GET", "/x", broken)
    fetch_nothing(fake)
    with pytest.raises(KeyError, match="/x"):
        fake.close()
    fake.close()


def test_several_mistakes_are_raised_together() -> None:
    fake = FakeUpstream()
    fake.on("GET", "/x", broken)
    fetch_nothing(fake)
    fetch_nothing(fake)
    with pytest.raises(ExceptionGroup) as raised:
        fake.close()
    assert [type(error) for error in raised.value.exceptions] == [KeyError, KeyError]


def fail_beside_a_broken_script() -> None:
    """A test that fails by itself while its script has a mistake too."""
    with FakeUpstream() as fake:
        fake.on("GET", "/x", broken)
        fetch_nothing(fake)
        raise RuntimeError("the test's own")


def test_failure_of_the_test_comes_before_that_of_the_script() -> None:
    with pytest.raises(RuntimeError, match="the test's own") as raised:
        fail_beside_a_broken_script()
    assert raised.value.__notes__ == ["fake upstream: KeyError('/x')"]


def test_thread_that_does_not_end_fails_the_test() -> None:
    entered, release = threading.Event(), threading.Event()

    def stubborn(connection: Connection) -> None:
        entered.set()
        release.wait(BOUND_S)

    fake = FakeUpstream(bound_s=0.05)
    fake.on("GET", "/x", [stubborn])
    with connect(fake) as sock:
        sock.sendall(GET_X)
        assert entered.wait(BOUND_S)
        with pytest.raises(LeakedThreads, match="fake-upstream-connection-1"):
            fake.close()
        release.set()


def test_waiting_for_what_does_not_come_says_what_there_is() -> None:
    with FakeUpstream(bound_s=0.05) as fake:
        with pytest.raises(TimeoutError, match="waited for 1 requests; there are 0"):
            fake.wait_for_requests(1)
        with pytest.raises(TimeoutError, match="waited for 1 open connections"):
            fake.wait_for_active(1)


def test_closed_fake_refuses_connections_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    fake = FakeUpstream()
    fetch(fake, "GET", "/v1/models")
    fake.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        connect(fake)
