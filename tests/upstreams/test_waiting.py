"""The waiting room of a pool: whose turn it is, and what becomes of slots and tickets."""

import math
import threading

import pytest

from llmwrap.errors import NoHealthyUpstream, Overloaded, UpstreamRateLimited
from llmwrap.upstreams.pool import Lease, Pool
from llmwrap.upstreams.upstream import Upstream
from llmwrap.upstreams.waiting import Ticket, WaitingRoom
from tests.upstreams.making import (
    FAR,
    NOW,
    leased,
    make_pool,
    make_upstream,
    make_upstreams,
)

A, B = make_upstream("a"), make_upstream("b")


class Turns:
    """A room where each ticket is known by its principal and number."""

    def __init__(self) -> None:
        self.room: WaitingRoom[Lease] = WaitingRoom()
        self.names: dict[Ticket[Lease], str] = {}

    def enter(self, name: str, *serving: Upstream) -> Ticket[Lease]:
        ticket: Ticket[Lease] = Ticket(name[0], frozenset(serving or (A,)), FAR)
        self.names[ticket] = name
        self.room.enter(ticket)
        return ticket

    def next_for(self, upstream: Upstream = A) -> str | None:
        ticket = self.room.next_for(upstream)
        return None if ticket is None else self.names[ticket]


def test_turn_goes_round_between_principals() -> None:
    turns = Turns()
    for name in ("x1", "x2", "x3", "x4", "y1", "z1", "y2"):
        turns.enter(name)
    order = [turns.next_for() for _ in range(7)]
    assert order == ["x1", "y1", "z1", "x2", "y2", "x3", "x4"]
    assert turns.next_for() is None


def test_principal_that_comes_again_stands_behind_the_others() -> None:
    turns = Turns()
    turns.enter("x1")
    turns.enter("y1")
    assert turns.next_for() == "x1"
    turns.enter("x2")
    assert [turns.next_for(), turns.next_for()] == ["y1", "x2"]


def test_ticket_waits_for_an_upstream_that_can_serve_it() -> None:
    turns = Turns()
    turns.enter("x1", A)
    turns.enter("y1", B)
    turns.enter("z1", A, B)
    assert turns.room.wants(B)
    assert turns.next_for(B) == "y1"
    assert turns.next_for(B) == "z1"
    assert turns.next_for(B) is None
    assert not turns.room.wants(B)
    assert turns.next_for(A) == "x1"


def test_later_ticket_of_a_principal_is_not_held_up_by_its_first() -> None:
    turns = Turns()
    turns.enter("x1", B)
    turns.enter("x2", A)
    assert turns.next_for(A) == "x2"
    assert turns.next_for(B) == "x1"


def test_who_leaves_is_passed_over() -> None:
    turns = Turns()
    first, second = turns.enter("x1"), turns.enter("x2")
    turns.room.leave(first)
    turns.room.leave(first)
    assert len(turns.room) == 1
    assert turns.next_for() == "x2"
    turns.room.leave(second)
    assert len(turns.room) == 0


def test_room_is_full_at_256() -> None:
    turns = Turns()
    for _ in range(255):
        turns.enter("x1")
    assert not turns.room.full
    turns.enter("y1")
    assert turns.room.full
    turns.next_for()
    assert not turns.room.full


def _full(**settings: int) -> tuple[Pool, Lease]:
    """A pool whose one slot is held."""
    pool = make_pool(make_upstream("a", max_in_flight=1, **settings))
    return pool, leased(pool)


def _wait(pool: Pool, principal: str = "", now: float = NOW) -> Ticket[Lease]:
    return pool.wait(pool.upstreams, principal, now, FAR)


def test_full_queue_refuses_and_says_when_to_come_again() -> None:
    pool, _ = _full()
    for _ in range(256):
        _wait(pool)
    with pytest.raises(Overloaded) as caught:
        _wait(pool)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 1)


def test_who_has_most_in_a_full_queue_gives_way() -> None:
    """Newest first, down to as many as the newcomer has."""
    pool, held = _full()
    noisy = [_wait(pool, "noisy") for _ in range(256)]
    told: list[str] = []
    noisy[-1].notify(lambda: told.append("refused"))
    quiet = _wait(pool, "quiet")
    assert told == ["refused"]
    assert isinstance(noisy[-1].refusal, Overloaded)
    assert noisy[-2].refusal is None
    held.release(NOW)
    assert noisy[0].lease
    noisy[0].lease.release(NOW)
    assert quiet.lease


def test_full_queue_is_shared_evenly() -> None:
    pool, _ = _full()
    for _ in range(256):
        _wait(pool, "first")
    tickets = [_wait(pool, "second") for _ in range(128)]
    assert not any(each.refusal for each in tickets)
    with pytest.raises(Overloaded):
        _wait(pool, "second")


def test_slot_of_who_has_rested_is_offered_when_somebody_looks() -> None:
    a, b = make_upstreams("ab", max_in_flight=1)
    pool = make_pool(a, b)
    leased(pool, (a,))
    b.health.rest(NOW + 1)
    ticket = _wait(pool)
    assert pool.returns_at(pool.upstreams, NOW) == NOW + 1
    pool.offer(pool.upstreams, NOW + 0.9)
    assert ticket.lease is None
    pool.offer(pool.upstreams, NOW + 1)
    assert ticket.lease
    assert ticket.lease.upstream is b
    assert pool.returns_at(pool.upstreams, NOW + 1) == math.inf


def test_who_waits_for_nobody_is_told_at_once_and_when_to_come_again() -> None:
    """A 429 with `Retry-After: 30` of the only upstream: no slot of it will come in time."""
    pool, held = _full()
    ticket = _wait(pool)
    told: list[str] = []
    ticket.notify(lambda: told.append("refused"))
    held.release(NOW, UpstreamRateLimited("slow down"), rest_s=30)
    assert told == ["refused"]
    assert isinstance(ticket.refusal, NoHealthyUpstream)
    assert ticket.refusal.retry_after_s == 30


def test_who_can_be_served_by_another_waits_on() -> None:
    a, b = make_upstreams("ab", max_in_flight=1)
    pool = make_pool(a, b)
    held, other = leased(pool, (a,)), leased(pool, (b,))
    ticket = _wait(pool)
    held.release(NOW, UpstreamRateLimited("slow down"), rest_s=30)
    assert (ticket.lease, ticket.refusal) == (None, None)
    other.release(NOW)
    assert ticket.lease


def test_slot_is_handed_over_and_the_waiting_is_told() -> None:
    pool, held = _full()
    told: list[str] = []
    ticket = _wait(pool)
    ticket.notify(lambda: told.append("turn"))
    assert (ticket.lease, told) == (None, [])
    held.release(NOW)
    assert ticket.lease
    assert ticket.lease.upstream.in_flight == 1
    assert told == ["turn"]


def test_ticket_that_was_granted_before_tells_at_once() -> None:
    pool, held = _full()
    ticket = _wait(pool)
    held.release(NOW)
    told: list[str] = []
    ticket.notify(lambda: told.append("turn"))
    assert told == ["turn"]


def test_newcomer_cannot_snatch_a_slot() -> None:
    pool, held = _full()
    ticket = _wait(pool)
    held.release(NOW)
    assert pool.lease(pool.upstreams, (), NOW, FAR) is None
    assert ticket.lease
    ticket.lease.release(NOW)
    assert leased(pool)


def test_newcomer_is_served_where_nobody_waits_for_it() -> None:
    """What others wait for is another upstream."""
    a, b = make_upstreams("ab", max_in_flight=1)
    pool = make_pool(a, b)
    leased(pool, (a,))
    pool.wait((a,), "", NOW, FAR)
    assert leased(pool, (b,)).upstream is b


def test_slot_that_came_back_before_one_waited_for_it_is_not_missed() -> None:
    pool, held = _full()
    assert pool.lease(pool.upstreams, (), NOW, FAR) is None
    held.release(NOW)
    assert _wait(pool).lease


def test_upstream_that_has_rested_takes_the_first_in_the_queue() -> None:
    a, b = make_upstreams("ab", max_in_flight=1)
    pool = make_pool(a, b)
    leased(pool, (a,))
    b.health.rest(NOW + 1)
    first = _wait(pool)
    assert pool.lease(pool.upstreams, (), NOW + 1, FAR) is None
    second = _wait(pool, now=NOW + 1)
    assert first.lease
    assert first.lease.upstream is b
    assert second.lease is None


def test_slot_of_an_upstream_that_rests_is_not_handed_over() -> None:
    pool, held = _full()
    ticket = _wait(pool)
    pool.upstreams[0].health.rest(NOW + 5)
    held.release(NOW)
    assert ticket.lease is None


def test_turn_of_a_probe_is_given_to_one_and_until_its_deadline() -> None:
    upstream = make_upstream("a", max_in_flight=2)
    pool = make_pool(upstream, make_upstream("b"))
    held = [leased(pool, (upstream,)) for _ in range(2)]
    tickets = [pool.wait((upstream,), "", NOW, NOW + 62) for _ in range(2)]
    upstream.health.eject(NOW - 30)
    for lease in held:
        lease.release(NOW)
    assert [ticket.lease is not None for ticket in tickets] == [True, False]
    assert not upstream.available(NOW + 61)
    assert upstream.available(NOW + 62)


def test_who_gives_up_is_not_served() -> None:
    pool, held = _full()
    ticket, other = _wait(pool, "x"), _wait(pool, "y")
    pool.give_up(ticket, NOW)
    held.release(NOW)
    assert ticket.lease is None
    assert other.lease


def test_who_gives_up_after_its_turn_gives_the_slot_to_the_next() -> None:
    pool, held = _full()
    ticket, other = _wait(pool, "x"), _wait(pool, "y")
    held.release(NOW)
    assert ticket.lease
    pool.give_up(ticket, NOW)
    assert other.lease
    other.lease.release(NOW)
    pool.give_up(other, NOW)
    assert pool.upstreams[0].in_flight == 0


def test_told_in_the_middle_of_a_release_one_may_give_up() -> None:
    """Whoever is told may call the pool: it is not locked then."""
    pool, held = _full()
    ticket = _wait(pool)
    ticket.notify(lambda: pool.give_up(ticket, NOW))
    held.release(NOW)
    assert pool.upstreams[0].in_flight == 0


def test_no_slot_is_lost_when_giving_up_meets_a_grant() -> None:
    """The second gives up when its slot is taken, but before it has been told of it."""
    a, b = make_upstreams("ab", max_in_flight=2)
    pool = make_pool(a, b)
    leased(pool, (a,))
    leased(pool, (a,))
    b.health.rest(NOW + 1)
    first, second = _wait(pool), _wait(pool)
    first.notify(lambda: pool.give_up(second, NOW + 1))
    third = _wait(pool, now=NOW + 1)
    assert first.lease
    assert third.lease
    assert b.in_flight == 2


def test_two_threads_that_queue_are_both_served() -> None:
    pool, held = _full()
    served: list[str] = []

    def come(name: str) -> None:
        for _ in range(200):
            lease = pool.lease(pool.upstreams, (), NOW, FAR)
            if lease is None:
                turn = threading.Event()
                ticket = _wait(pool, name)
                ticket.notify(turn.set)
                assert turn.wait(10)
                lease = ticket.lease
            assert lease
            served.append(name)
            lease.release(NOW)

    threads = [threading.Thread(target=come, args=(name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    held.release(NOW)
    for thread in threads:
        thread.join(20)
    assert sorted(served) == ["x"] * 200 + ["y"] * 200
    assert pool.upstreams[0].in_flight == 0
