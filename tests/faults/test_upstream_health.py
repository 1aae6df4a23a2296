"""Rows 1, 5, 22 and 23: rests, ejection, half-open probes and the poison guard, over HTTP."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.fakes import FakeUpstream, Step, chat_answer, json_answer, rst, wait
from tests.faults.wire import BOUND_S
from tests.gateway import Gateway, serving
from tests.web.faults import Ground, Pair, ground, pool_of
from tests.web.surface import Body, Watched, answer_chat, refusal, reset

NEW = "/api/v1/chat/completions"
MANY = 500
"""More requests than any of these tests needs until an ejected upstream is probed."""

LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable"}}


@pytest.fixture(scope="module")
def calm(server: str) -> Iterator[Ground]:
    with ground(server, {}) as made:
        yield made


@pytest.fixture
def pair(calm: Ground) -> Pair:
    return calm.pair()


BUSY: dict[str, Sequence[Step]] = {
    "limited": json_answer(429, {}, [("Retry-After", "30")]),
    "limited_without_a_word": json_answer(429, {}),
    "loading": json_answer(503, LOADING),
    "overloaded": json_answer(529, {}),
}


@pytest.mark.parametrize("name", BUSY)
def test_busy_upstream_is_left_alone_while_another_serves(
    pair: Pair, name: str
) -> None:
    pair.first.fake.chat(BUSY[name])
    attempts = []
    for _ in range(4):
        answer = pair.gateway.post(NEW, pair.body())
        assert answer.status_code == 200
        attempts.append(answer.headers["x-llmwrap-attempts"])
    assert attempts == ["2", "1", "1", "1"]
    assert pair.asked == (1, 4)


def test_when_every_upstream_rests_the_answer_is_503_at_once(pair: Pair) -> None:
    """The first answer is what the upstreams said, then it is ours: no attempt is possible."""
    for watched, rest in ((pair.first, "40"), (pair.second, "20")):
        watched.fake.chat(json_answer(429, {}, [("Retry-After", rest)]))
    assert refusal(pair.gateway.post(NEW, pair.body()), 429)
    answer = pair.gateway.post(NEW, pair.body(stream=True))
    error = refusal(answer, 503)
    assert (error["type"], error["code"]) == ("server_error", "no_healthy_upstream")
    assert answer.headers["x-llmwrap-fault"] == "gateway"
    assert answer.headers["x-llmwrap-attempts"] == "0"
    assert 15 <= int(answer.headers["Retry-After"]) <= 20
    assert pair.asked == (1, 1)


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[FakeUpstream, FakeUpstream, FakeUpstream]]:
    with FakeUpstream() as first, FakeUpstream() as second, FakeUpstream() as third:
        yield first, second, third


@pytest.fixture(scope="module")
def gateway(
    server: str, upstreams: tuple[FakeUpstream, FakeUpstream, FakeUpstream]
) -> Iterator[Gateway]:
    """A pool of three (`poison`), and one of two that are asked for their models (`probed`)."""
    probed = pool_of("probed", *(each.url for each in upstreams[:2]))
    for upstream, fake in zip(probed["upstreams"], upstreams, strict=False):
        upstream["models"] = []
        fake.on("GET", "/v1/models", json_answer(200, {"data": [{"id": "probed"}]}))
    pools = [probed, pool_of("poison", *(each.url for each in upstreams))]
    with serving({"pools": pools}, server=server) as made:
        yield made


@pytest.fixture
def watched(
    upstreams: tuple[FakeUpstream, FakeUpstream, FakeUpstream],
) -> list[Watched]:
    for fake in upstreams:
        reset(fake)
    return [Watched.now(fake) for fake in upstreams]


def body_of(model: str, text: str) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def test_request_that_broke_two_upstreams_is_not_carried_to_a_third(
    gateway: Gateway, watched: list[Watched]
) -> None:
    """And it is refused for a minute, unlike every other request."""
    for each in watched[:2]:
        each.fake.chat([rst()])
    for attempts in ("2", "0"):
        answer = gateway.post(NEW, body_of("poison", "kill"))
        assert refusal(answer, 502)["code"] == "upstream_crashed"
        assert answer.headers["x-llmwrap-attempts"] == attempts
    assert [len(each.requests) for each in watched] == [1, 1, 0]
    reset(watched[0].fake)
    assert gateway.post(NEW, body_of("poison", "serve")).status_code == 200


def test_ejected_upstream_comes_back_by_one_probe_at_a_time(
    gateway: Gateway, watched: list[Watched]
) -> None:
    """What was out of reach lists its models again: that earns probes, and two good ones do."""
    bad = watched[0]
    bad.fake.chat(json_answer(502, {"error": "nobody behind this proxy"}))
    for count in range(5):
        answer = gateway.post(NEW, body_of("probed", f"fail {count}"))
        assert answer.headers["x-llmwrap-attempts"] == "2"
    arrived, gate = Event(), Event()
    probed: list[Step] = [lambda _: arrived.set(), wait(gate), *chat_answer("Hello")]
    bad.fake.chat(probed, then=[answer_chat])
    with ThreadPoolExecutor(9) as clients:
        probe = clients.submit(ask_until_asked, gateway, bad, 6)
        assert arrived.wait(BOUND_S)
        others = [
            clients.submit(gateway.post, NEW, body_of("probed", f"other {number}"))
            for number in range(8)
        ]
        served = {each.result().headers["x-llmwrap-upstream"] for each in others}
        gate.set()
        assert probe.result() == "probed-0"
    assert served == {"probed-1"}
    assert len(bad.requests) == 6
    for _ in range(3):
        answer = gateway.post(NEW, body_of("probed", "again"))
        assert answer.headers["x-llmwrap-upstream"] == "probed-0"


def ask_until_asked(gateway: Gateway, upstream: Watched, count: int) -> str:
    """Ask on until `upstream` got its request number `count`; who answered the last one."""
    for number in range(MANY):
        answer = gateway.post(NEW, body_of("probed", f"probe {number}"))
        assert answer.status_code == 200
        if len(upstream.requests) >= count:
            break
        Event().wait(0.01)
    return answer.headers["x-llmwrap-upstream"]
