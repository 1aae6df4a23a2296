"""Which upstream is asked next, whether any is, and what the record and the pool learn of it."""

from typing import Any

import pytest

from llmwrap import errors
from llmwrap.exchange import Exchange
from llmwrap.relay.attempts import Attempts
from llmwrap.routing import Route
from llmwrap.upstreams.pool import Pool
from llmwrap.upstreams.upstream import Upstream
from tests.upstreams.making import FAR, NOW, leased, make_pool, make_upstreams

UNREACHABLE = errors.UpstreamUnreachable("the upstream cannot be reached")
CUT = errors.UpstreamDisconnected("the upstream closed the connection")
BROKEN = errors.UpstreamError("the upstream failed")
SLOW = errors.UpstreamTimeout("the first byte timeout passed")
ABSENT = errors.UpstreamModelMissing("no such model", param="model")
AUTH = errors.UpstreamAuthFailed("the upstream refused the key")


class Trial:
    """One request over a pool of upstreams (`a`, `b`, ...), asked in this order."""

    def __init__(
        self, names: str = "abcd", pool: Pool | None = None, body: bytes = b"body"
    ) -> None:
        self.pool = pool or make_pool(*make_upstreams(names), policy="first")
        self.exchange = Exchange("req_1", "mine", "POST", "/v1", "", NOW)
        self.exchange.operation = "chat"
        route = Route(self.pool, "alias", "m", self.pool.upstreams)
        self.attempts = Attempts(route, self.exchange, body)

    def begin(self, now: float = NOW) -> str | None:
        upstream = self.attempts.begin(now, FAR)
        return upstream.name if upstream else None

    def fail(self, error: errors.GatewayError, now: float = NOW) -> str | None:
        """The attempt fails: who is asked next, None where the request has failed."""
        told = self.attempts.fail(now, error)
        return self.begin(now) if told is None else None

    @property
    def asked(self) -> str:
        return "".join(attempt.upstream for attempt in self.exchange.attempts)

    @property
    def upstreams(self) -> dict[str, Upstream]:
        return {upstream.name: upstream for upstream in self.pool.upstreams}


def test_attempt_is_noted_from_its_beginning_to_its_end() -> None:
    trial = Trial()
    assert trial.begin(NOW) == "a"
    trial.attempts.opened(502, None)
    assert trial.fail(BROKEN, NOW + 2) == "b"
    trial.attempts.opened(200, None)
    trial.attempts.end(NOW + 5, "served")
    first, second = trial.exchange.attempts
    assert (first.upstream, first.status, first.error) == ("a", 502, "upstream_error")
    assert (first.started, first.seconds) == (NOW, 2)
    assert (second.upstream, second.status, second.error) == ("b", 200, None)
    assert (second.started, second.seconds) == (NOW + 2, 3)
    assert [each.in_flight for each in trial.pool.upstreams] == [0, 0, 0, 0]


def test_only_the_first_end_counts() -> None:
    trial = Trial("a")
    trial.begin()
    trial.attempts.end(NOW + 1, CUT)
    held = leased(trial.pool)
    trial.attempts.end(NOW + 9, "left")
    (attempt,) = trial.exchange.attempts
    assert (attempt.seconds, attempt.error) == (1, "upstream_disconnected")
    assert held.upstream.in_flight == 1


def test_end_before_the_beginning_does_nothing() -> None:
    trial = Trial("a")
    trial.attempts.end(NOW, "left")
    assert trial.asked == ""


def test_unreachable_upstreams_are_passed_over_up_to_three_attempts() -> None:
    trial = Trial("abcd")
    assert trial.begin() == "a"
    assert trial.fail(UNREACHABLE) == "b"
    assert trial.fail(UNREACHABLE) == "c"
    assert trial.attempts.fail(NOW, UNREACHABLE) is UNREACHABLE
    assert trial.asked == "abc"


@pytest.mark.parametrize("error", [CUT, BROKEN])
def test_what_may_be_retried_once_ends_after_two_attempts(
    error: errors.GatewayError,
) -> None:
    trial = Trial("abcd")
    trial.begin()
    assert trial.fail(UNREACHABLE) == "b"
    assert trial.attempts.fail(NOW, error) is error


@pytest.mark.parametrize(
    "error", [SLOW, errors.UpstreamRefusal(400, "c", "no"), errors.EmptyAnswer("")]
)
def test_what_may_not_be_retried_ends_the_request(error: errors.GatewayError) -> None:
    trial = Trial("ab")
    trial.begin()
    assert trial.attempts.fail(NOW, error) is error


def test_no_upstream_is_left_to_ask() -> None:
    trial = Trial("ab")
    trial.begin()
    assert trial.fail(UNREACHABLE) == "b"
    assert trial.attempts.fail(NOW, UNREACHABLE) is UNREACHABLE


def test_spent_budget_ends_the_retries_of_a_pool() -> None:
    pool = Trial("abcdefgh").pool
    asked = []
    for n in range(40):
        trial = Trial(pool=pool, body=bytes([n]))
        trial.begin()
        while trial.fail(errors.UpstreamModelMissing("no")):
            pass
        asked.append(len(trial.asked))
    assert asked[:5] == [3, 3, 3, 3, 3]
    assert sum(asked) - len(asked) == 13
    assert asked[20:30].count(1) == 9


def test_full_upstreams_are_no_failure() -> None:
    trial = Trial(pool=make_pool(*make_upstreams("ab", max_in_flight=1)))
    held = [leased(trial.pool), leased(trial.pool)]
    assert trial.begin() is None
    ticket = trial.attempts.wait(NOW, FAR)
    held[1].release(NOW)
    assert ticket.lease
    assert trial.attempts.take(ticket.lease, NOW + 1).name == "b"
    assert trial.exchange.attempts[0].started == NOW + 1


def test_given_up_ticket_holds_nothing() -> None:
    trial = Trial(pool=make_pool(*make_upstreams("a", max_in_flight=1)))
    held = leased(trial.pool)
    trial.attempts.wait(NOW, FAR)
    assert trial.attempts.waiting
    trial.attempts.leave_queue(NOW)
    assert not trial.attempts.waiting
    held.release(NOW)
    assert trial.upstreams["a"].in_flight == 0


def test_absent_model_is_not_asked_for_again_within_a_minute() -> None:
    trial = Trial("ab")
    trial.begin()
    assert trial.fail(ABSENT) == "b"
    a, b = trial.pool.upstreams
    assert a.lacked("m", NOW + 59)
    assert not a.lacked("m", NOW + 60)
    assert not b.lacked("m", NOW)


def _with_keys(*keys: str) -> Pool:
    upstreams = (
        make_upstreams(name, api_key=key)[0]
        for name, key in zip("abcd", keys, strict=False)
    )
    return make_pool(*upstreams, policy="first")


def test_refused_key_is_not_tried_on_other_upstreams() -> None:
    trial = Trial(pool=_with_keys("one", "one", "two", "one"))
    trial.begin()
    assert trial.fail(AUTH) == "c"
    assert trial.attempts.fail(NOW, AUTH) is AUTH
    assert trial.asked == "ac"


def test_refused_key_that_all_share_is_not_tried_again() -> None:
    trial = Trial(pool=_with_keys("one", "one", "one"))
    trial.begin()
    assert trial.attempts.fail(NOW, AUTH) is AUTH


def test_upstream_that_refused_the_key_rests_a_minute() -> None:
    trial = Trial(pool=_with_keys("one", "two"))
    trial.begin()
    trial.fail(AUTH)
    assert not trial.upstreams["a"].available(NOW + 59)
    assert trial.upstreams["a"].available(NOW + 60)


@pytest.mark.parametrize(
    ("error", "rest_s"),
    [
        (errors.UpstreamRateLimited("slow down", retry_after_s=5), 5),
        (errors.UpstreamOverloaded("busy", retry_after_s=5), 5),
        (errors.UpstreamNotReady("busy", retry_after_s=5), 1),
        (errors.ModelLoading("loading", retry_after_s=5), 2),
    ],
)
def test_rest_is_what_the_upstream_asked_for_else_that_of_the_rule(
    error: errors.GatewayError, rest_s: float
) -> None:
    for asked_s, rest in ((None, rest_s), (20.0, 20)):
        trial = Trial("ab")
        trial.begin()
        trial.attempts.opened(503, asked_s)
        trial.fail(error)
        assert trial.upstreams["a"].health.returns_at(NOW) == NOW + rest


def test_our_default_wait_gives_the_only_upstream_no_rest() -> None:
    trial = Trial("a")
    trial.begin()
    trial.attempts.opened(429, None)
    trial.fail(errors.UpstreamRateLimited("slow down", retry_after_s=5))
    assert trial.upstreams["a"].available(NOW)
    assert trial.exchange.rest_s == 5


def test_request_that_broke_two_upstreams_goes_to_no_third() -> None:
    trial = Trial("abc")
    trial.begin()
    assert trial.fail(CUT) == "b"
    told = trial.attempts.fail(NOW + 1, errors.UpstreamMute("500"))
    assert isinstance(told, errors.UpstreamCrashed)
    assert (told.status, told.code) == (502, "upstream_crashed")
    codes = [attempt.error for attempt in trial.exchange.attempts]
    assert codes == ["upstream_disconnected", "upstream_error"]
    assert trial.upstreams["b"].in_flight == 0


def test_broken_by_poison_the_second_upstream_gets_no_mark() -> None:
    trial = Trial("abcd")
    trial.begin()
    trial.fail(CUT)
    trial.attempts.fail(NOW, CUT)
    for _ in range(4):
        for name in "ab":
            leased(trial.pool, (trial.upstreams[name],)).release(NOW, CUT)
    assert not trial.upstreams["a"].available(NOW)
    assert trial.upstreams["b"].available(NOW)


def test_poison_is_refused_for_a_minute_and_other_bodies_are_not() -> None:
    trial = Trial("abc")
    trial.begin()
    trial.fail(CUT)
    trial.attempts.fail(NOW, CUT)
    again = Trial(pool=trial.pool)
    with pytest.raises(errors.UpstreamCrashed):
        again.begin(NOW + 60)
    assert again.asked == ""
    assert Trial(pool=trial.pool, body=b"other").begin(NOW) == "a"
    assert Trial(pool=trial.pool).begin(NOW + 61) == "a"


def _affine(names: str, key: bytes, **settings: Any) -> Trial:
    pool = make_pool(*make_upstreams(names, **settings), policy="affinity")
    trial = Trial(pool=pool)
    trial.attempts.prefer(key)
    return trial


def test_conversation_keeps_its_upstream_while_that_has_room() -> None:
    trial = _affine("abcd", b"key", max_in_flight=1)
    preferred = trial.begin()
    assert trial.exchange.affinity == "hit"
    again = Trial(pool=trial.pool)
    again.attempts.prefer(b"key")
    assert again.begin() != preferred
    assert again.exchange.affinity == "spill"
    trial.attempts.end(NOW, "served")
    third = Trial(pool=trial.pool)
    third.attempts.prefer(b"key")
    assert third.begin() == preferred


def test_conversations_spread_over_the_pool() -> None:
    seen = {_affine("abcd", str(n).encode()).begin() for n in range(100)}
    assert seen == set("abcd")


def test_404_of_a_text_completion_says_nothing_of_the_model() -> None:
    """Chat servers without that route answer 404 too."""
    trial = Trial("ab")
    trial.exchange.operation = "text_completion"
    trial.begin()
    assert trial.fail(ABSENT) == "b"
    assert not trial.pool.upstreams[0].lacked("m", NOW + 1)
