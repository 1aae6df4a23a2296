"""The guard against requests that kill model servers."""

from llmwrap.upstreams.poison import PoisonGuard

NOW = 1000.0
BAD, OTHER = b"bad", b"other"


def test_second_upstream_that_breaks_makes_a_request_poison() -> None:
    guard = PoisonGuard()
    assert guard.crashed(BAD, "a", NOW) is False
    assert not guard.refuses(BAD, NOW)
    assert guard.crashed(BAD, "b", NOW + 1) is True
    assert guard.refuses(BAD, NOW + 1)


def test_one_upstream_that_breaks_often_makes_none() -> None:
    guard = PoisonGuard()
    assert not any(guard.crashed(BAD, "a", NOW + n) for n in range(9))


def test_other_requests_are_not_suspected() -> None:
    guard = PoisonGuard()
    guard.crashed(BAD, "a", NOW)
    assert guard.crashed(OTHER, "b", NOW) is False
    guard.crashed(BAD, "b", NOW)
    assert not guard.refuses(OTHER, NOW)


def test_poison_is_refused_for_a_minute() -> None:
    guard = PoisonGuard()
    guard.crashed(BAD, "a", NOW)
    guard.crashed(BAD, "b", NOW + 10)
    assert guard.refuses(BAD, NOW + 70)
    assert not guard.refuses(BAD, NOW + 70.1)


def test_suspicion_is_forgotten_after_a_minute() -> None:
    guard = PoisonGuard()
    guard.crashed(BAD, "a", NOW)
    assert guard.crashed(BAD, "b", NOW + 60.1) is False
    assert guard.crashed(BAD, "c", NOW + 61) is True


def test_guard_knows_whether_it_suspects_any() -> None:
    guard = PoisonGuard()
    assert not guard
    guard.crashed(BAD, "a", NOW)
    assert guard


def test_of_too_many_suspects_the_oldest_is_forgotten() -> None:
    guard = PoisonGuard()
    guard.crashed(BAD, "a", NOW)
    for n in range(1024):
        guard.crashed(n.to_bytes(2, "big"), "a", NOW)
    assert guard.crashed((1).to_bytes(2, "big"), "b", NOW) is True
    assert guard.crashed(BAD, "b", NOW) is False
