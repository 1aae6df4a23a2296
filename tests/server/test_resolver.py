"""Names of upstreams: one lookup for many callers, none of them waiting for ever."""

import asyncio
import errno
import socket
import threading
from collections.abc import Awaitable, Callable

import pytest

from llmwrap.server.resolver import Resolver, look_up
from llmwrap.server.upstreams import Connections

BOUND_S = 10.0
HOST = "model.test"
FIRST, SECOND = ("192.0.2.1", "192.0.2.2"), ("192.0.2.3",)
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_SOCKET = OSError(errno.EMFILE, "Too many open files")
TOO_LONG = UnicodeError("label too long")


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves on."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class Dns:
    """Answers lookups as it is told: the answer of HOST is `answer`, once `answering` is set."""

    def __init__(self) -> None:
        self.answer: tuple[str, ...] | Exception = FIRST
        self.answering = threading.Event()
        self.answering.set()
        self.asked = self.answered = 0
        self._changed = threading.Condition()

    def __call__(self, host: str) -> tuple[str, ...]:
        if host != HOST:
            return SECOND
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
        assert self.answering.wait(BOUND_S)
        with self._changed:
            self.answered += 1
            self._changed.notify_all()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def wait_for(self, asked: int) -> None:
        """Hold until so many lookups of HOST have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= asked, BOUND_S)

    def wait_for_all(self) -> None:
        """Hold until each of them has its answer."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.answered == self.asked, BOUND_S)


Script = Callable[[Resolver, Dns, Loop], Awaitable[None]]


def play(script: Script) -> None:
    """Run `script` with a resolver of two seconds' patience; a lookup that hangs is let go."""
    dns = Dns()
    resolver = Resolver(2.0, dns)
    resolver.start()
    loop = Loop()
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(script(resolver, dns, loop))  # type: ignore[arg-type]
    finally:
        dns.answering.set()
        resolver.stop()


async def begun(waiting: Awaitable[tuple[str, ...]]) -> asyncio.Task[tuple[str, ...]]:
    """`waiting` as a task that has come as far as it can."""
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    return task  # type: ignore[return-value]


async def at_once(
    waiting: Awaitable[tuple[str, ...]],
) -> asyncio.Task[tuple[str, ...]]:
    """`waiting` as a task that is done without waiting for anything."""
    task = await begun(waiting)
    for _ in range(10):
        await asyncio.sleep(0)
    assert task.done()
    return task


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%eth0"])
def test_address_is_not_looked_up(host: str) -> None:
    def never(asked: str) -> tuple[str, ...]:
        raise AssertionError(asked)

    assert asyncio.run(Resolver(2.0, never).resolve(host)) == (host,)


def test_callers_at_the_same_moment_share_one_lookup() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        dns.answering.clear()
        callers = [await begun(resolver.resolve(HOST)) for _ in range(100)]
        dns.wait_for(1)
        dns.answering.set()
        assert await asyncio.gather(*callers) == [FIRST] * 100
        assert dns.asked == 1

    play(script)


def test_changed_address_is_seen_at_once() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        assert await resolver.resolve(HOST) == FIRST
        dns.answer = SECOND
        assert await resolver.resolve(HOST) == SECOND

    play(script)


@pytest.mark.parametrize("trouble", [UNKNOWN, NO_SOCKET, TOO_LONG, ()])
def test_last_addresses_stand_in_for_a_minute(
    trouble: tuple[str, ...] | Exception,
) -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        assert await resolver.resolve(HOST) == FIRST
        dns.answer = trouble
        loop.ahead_s += 59
        assert await resolver.resolve(HOST) == FIRST
        loop.ahead_s += 2
        with pytest.raises((OSError, UnicodeError)) as caught:
            await resolver.resolve(HOST)
        assert caught.value is trouble or trouble == ()

    play(script)


def test_slow_lookup_is_waited_for_two_seconds() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        dns.answering.clear()
        caller = await begun(resolver.resolve(HOST))
        loop.ahead_s += 1.9
        await asyncio.sleep(0)
        assert not caller.done()
        dns.answering.set()
        assert await caller == FIRST
        dns.answering.clear()
        loop.ahead_s += 61
        caller = await begun(resolver.resolve(HOST))
        loop.ahead_s += 2.1
        with pytest.raises(socket.gaierror, match="not resolved in time"):
            await caller

    play(script)


def test_last_addresses_stand_in_after_half_the_wait_and_then_at_once() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        await resolver.resolve(HOST)
        dns.answering.clear()
        caller = await begun(resolver.resolve(HOST))
        loop.ahead_s += 0.9
        await asyncio.sleep(0)
        assert not caller.done()
        loop.ahead_s += 0.2
        assert await (await at_once(caller)) == FIRST
        for _ in range(20):
            assert await (await at_once(resolver.resolve(HOST))) == FIRST
        await resolver.resolve("other.test")
        assert dns.asked == 2

    play(script)


def test_name_that_hangs_is_asked_for_twice_and_no_more() -> None:
    """Twice, because one answer may have been lost; then it fails at once."""

    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        dns.answering.clear()
        for _ in range(2):
            caller = await begun(resolver.resolve(HOST))
            loop.ahead_s += 2.1
            with pytest.raises(socket.gaierror):
                await caller
        for _ in range(20):
            with pytest.raises(socket.gaierror):
                await (await at_once(resolver.resolve(HOST)))
        await resolver.resolve("other.test")
        assert dns.asked == 2

    play(script)


def test_name_that_hung_is_looked_up_as_any_other_afterwards() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        for _ in range(5):
            dns.answering.clear()
            caller = await begun(resolver.resolve(HOST))
            loop.ahead_s += 2.1
            with pytest.raises(socket.gaierror):
                await caller
            dns.answering.set()
            assert await resolver.resolve(HOST) == FIRST
            dns.wait_for_all()
            await resolver.resolve("other.test")
            loop.ahead_s += 61
        assert dns.asked == 10

    play(script)


def test_answer_that_came_too_late_serves_the_next_caller() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        dns.answering.clear()
        caller = await begun(resolver.resolve(HOST))
        loop.ahead_s += 2.1
        with pytest.raises(socket.gaierror):
            await caller
        caller = await begun(resolver.resolve(HOST))
        dns.wait_for(2)
        dns.answering.set()
        assert await caller == FIRST
        dns.answer = UNKNOWN
        assert await resolver.resolve(HOST) == FIRST

    play(script)


def test_name_that_hangs_holds_no_other_up() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        dns.answering.clear()
        callers = [await begun(resolver.resolve(HOST)) for _ in range(20)]
        dns.wait_for(1)
        assert await resolver.resolve("other.test") == SECOND
        assert not any(caller.done() for caller in callers)
        dns.answering.set()
        assert await asyncio.gather(*callers) == [FIRST] * 20

    play(script)


def test_caller_that_leaves_takes_nothing_from_the_others() -> None:
    async def script(resolver: Resolver, dns: Dns, loop: Loop) -> None:
        dns.answering.clear()
        leaving = await begun(resolver.resolve(HOST))
        staying = await begun(resolver.resolve(HOST))
        leaving.cancel()
        dns.answering.set()
        assert await staying == FIRST
        assert dns.asked == 1

    play(script)


def test_end_does_not_wait_for_a_lookup_that_hangs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dns = Dns()
    dns.answering.clear()
    resolver = Resolver(2.0, dns)
    before = set(threading.enumerate())
    resolver.start()
    threads = set(threading.enumerate()) - before

    async def leave() -> None:
        (await begun(resolver.resolve(HOST))).cancel()
        dns.wait_for(1)

    asyncio.run(leave())
    Connections(2.0, resolver).close()
    dns.answering.set()
    for thread in threads:
        thread.join(BOUND_S)
    assert [thread.name for thread in threads if thread.is_alive()] == []
    assert caplog.records == []


def test_system_knows_this_machine() -> None:
    assert "127.0.0.1" in look_up("localhost")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".test"])
def test_name_that_is_none_is_an_error(host: str) -> None:
    with pytest.raises((socket.gaierror, UnicodeError)):
        look_up(host)
