"""Turns to hash: two at once, one of an address, few that wait, and no address that takes all."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from llmwrap.auth.turns import Turns
from llmwrap.errors import RateLimited
from tests.server.running import eventually


class Room:
    """People who take turns, each in a thread of its own, and hold them until they are told."""

    def __init__(self, turns: Turns, pool: ThreadPoolExecutor) -> None:
        self._turns = turns
        self._pool = pool
        self._told: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.served: list[str] = []

    def _comes(self, address: str, name: str) -> "Future[None]":
        return self._pool.submit(self._take, address, name, self._told[name])

    def _take(self, address: str, name: str, told: threading.Event) -> None:
        with self._turns.turn(address):
            self.served.append(name)
            assert told.wait(10)

    def holds(self, address: str) -> None:
        """Somebody gets a turn at once."""
        self._comes(address, address)
        eventually(lambda: address in self.served)

    def waits(self, address: str, name: str = "") -> "Future[None]":
        """Somebody has to wait."""
        before = self._turns.waiting
        future = self._comes(address, name or address)
        eventually(lambda: self._turns.waiting == before + 1)
        return future

    def replaces(self, address: str, gone: "Future[None]") -> None:
        """Somebody waits in the place of `gone`."""
        self._comes(address, address)
        with pytest.raises(RateLimited):
            gone.result(10)

    def ends(self, name: str, *, follows: str) -> None:
        """Somebody ends a turn, which goes on to the one who follows."""
        self._told[name].set()
        eventually(lambda: self.served[-1] == follows)

    def all_go(self) -> None:
        """Nobody holds a turn any more."""
        for told in self._told.values():
            told.set()


@pytest.fixture
def turns() -> Turns:
    return Turns(wait_s=10)


@pytest.fixture
def room(turns: Turns) -> Iterator[Room]:
    with ThreadPoolExecutor(16) as pool:
        room = Room(turns, pool)
        yield room
        room.all_go()


def refused(turns: Turns, address: str) -> bool:
    """Whether it gets no turn, at once: nobody here ends one."""
    try:
        with turns.turn(address):
            return False
    except RateLimited:
        return True


def told(turns: Turns, address: str) -> bool:
    """Whether it is told that there is no place for it."""
    try:
        turns.check(address)
    except RateLimited:
        return True
    return False


def test_third_address_waits_in_vain_and_leaves_its_place() -> None:
    turns = Turns(wait_s=0.01)
    with turns.turn("10.0.0.1"), turns.turn("10.0.0.2"):
        for _ in range(20):
            assert refused(turns, "10.0.0.3")
            assert turns.waiting == 0
    assert not refused(turns, "10.0.0.3")


SAME = {
    "10.0.0.1": "::ffff:10.0.0.1",
    "2001:db8::1": "2001:db8::ffff:1",
    "": "",
}


@pytest.mark.parametrize("address", SAME)
def test_address_has_one_turn_and_leaves_the_other_free(address: str) -> None:
    turns = Turns(wait_s=0.01)
    with turns.turn(address):
        assert refused(turns, SAME[address])
        assert not refused(turns, "10.0.0.2")
    assert not refused(turns, SAME[address])


def test_six_wait_and_the_next_is_refused_at_once(turns: Turns, room: Room) -> None:
    room.holds("10.0.0.1")
    room.holds("10.0.0.2")
    for number in range(3, 9):
        room.waits(f"10.0.0.{number}")
        assert told(turns, "10.0.0.9") is (number == 8)
    for address in ("10.0.0.9", "10.0.0.3"):
        assert refused(turns, address)
        assert told(turns, address)
    assert turns.waiting == 6


def test_one_address_may_fill_the_room_and_makes_place_for_others(
    turns: Turns, room: Room
) -> None:
    room.holds("10.0.0.1")
    assert not refused(turns, "10.0.0.2")
    room.holds("10.0.0.2")
    crowd = [room.waits("10.0.0.1") for _ in range(6)]
    assert refused(turns, "10.0.0.1")
    assert told(turns, "10.0.0.1")
    assert not told(turns, "10.0.0.3")
    room.replaces("10.0.0.3", crowd[5])
    room.replaces("10.0.0.4", crowd[4])
    room.replaces("10.0.0.3", crowd[3])
    assert refused(turns, "10.0.0.3")
    assert turns.waiting == 6


def test_next_turn_goes_to_who_has_the_fewest_waiting(room: Room) -> None:
    room.holds("10.0.0.1")
    room.holds("10.0.0.2")
    for name in ("first", "second", "third"):
        room.waits("10.0.0.1", name)
    room.waits("10.0.0.3")
    room.waits("10.0.0.4")
    room.ends("10.0.0.1", follows="10.0.0.3")
    room.ends("10.0.0.2", follows="10.0.0.4")
    room.ends("10.0.0.3", follows="first")
    room.ends("10.0.0.4", follows="first")
    room.ends("first", follows="second")
    room.ends("second", follows="third")


def test_what_goes_wrong_in_a_turn_gives_it_back(turns: Turns) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn("10.0.0.1"):
            _ = 1 // 0
    with ExitStack() as stack:
        for address in ("10.0.0.1", "10.0.0.2"):
            stack.enter_context(turns.turn(address))
