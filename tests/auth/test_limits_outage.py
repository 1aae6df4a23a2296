"""The store of all workers is gone: limits hold as shares, sign-ins stop, and all comes back."""

import os
import signal
import threading
import time

import pytest
from redis import ConnectionError as RedisGone

from llmwrap.app import create_app
from llmwrap.auth.circuit import Circuit, StoreGone
from llmwrap.auth.counters import Count, MemoryCounters, Verdict
from llmwrap.auth.limits import make_limiting
from llmwrap.auth.principal import Principal
from llmwrap.auth.quotas import Quotas
from llmwrap.errors import BackendUnavailable
from llmwrap.settings.values import Limits, Server, Settings
from tests.auth.asking import ALICE, BODY, admits, exchange, finish
from tests.auth.stores import redis_process
from tests.server.running import eventually

BOB = Principal("usr_bob", "api_key", groups=frozenset({"user"}))


class Store:
    """Something that is asked, and can be gone."""

    def __init__(self) -> None:
        self.gone = False
        self.calls = 0
        self.probed = threading.Semaphore(0)

    def __call__(self) -> str:
        self.calls += 1
        if self.gone:
            raise RedisGone("gone")
        return "here"

    def probe(self) -> None:
        self.probed.release()
        if self.gone:
            raise RedisGone("gone")


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def circuit(store):
    made = Circuit(store.probe, (RedisGone,), probe_every_s=0.01)
    yield made
    made.stop()


def test_a_store_that_answers_is_asked_each_time(store, circuit):
    assert [circuit.call(store) for _ in range(3)] == ["here"] * 3
    assert (store.calls, circuit.gone) == (3, False)


def test_a_store_that_is_gone_is_asked_once(store, circuit):
    store.gone = True
    for _ in range(100):
        with pytest.raises(StoreGone):
            circuit.call(store)
    assert (store.calls, circuit.gone) == (1, True)


def test_a_store_that_comes_back_is_taken_back_without_a_request(store, circuit):
    store.gone = True
    with pytest.raises(StoreGone):
        circuit.call(store)
    assert store.probed.acquire(timeout=5)
    assert store.probed.acquire(timeout=5)
    assert circuit.gone
    store.gone = False
    eventually(lambda: not circuit.gone)
    assert circuit.call(store) == "here"


def test_every_change_is_told_once(store, circuit, caplog):
    caplog.set_level("INFO", "llmwrap.auth.circuit")
    for _ in range(2):
        store.gone = True
        for _ in range(5):
            with pytest.raises(StoreGone):
                circuit.call(store)
        store.gone = False
        eventually(lambda: not circuit.gone)
    told = [record.message for record in caplog.records]
    assert told == ["limits_degraded", "limits_restored"] * 2


def test_an_error_of_ours_is_no_outage(circuit):
    with pytest.raises(ZeroDivisionError):
        circuit.call(lambda: 1 // 0)
    assert not circuit.gone


def test_a_circuit_that_was_stopped_starts_no_thread(store, circuit):
    circuit.stop()
    store.gone = True
    with pytest.raises(StoreGone):
        circuit.call(store)
    assert not store.probed.acquire(timeout=0.05)


@pytest.fixture
def server(tmp_path):
    with redis_process(tmp_path) as process:
        yield process


@pytest.fixture
def limiting(server):
    limits = Limits(
        default="100/minute",
        storage_url=server.url,
        tokens_per_minute=1000,
        concurrent_requests=3,
    )
    made = make_limiting(Settings(limits=limits, server=Server(workers=4)))
    yield made
    made.stop()


def test_without_the_store_each_worker_lets_its_share_through(server, limiting):
    """Row 53, acceptance 19."""
    quotas = limiting.quotas
    assert admits(quotas, times=90) == 90
    server.kill()
    assert admits(quotas, times=40) == 25
    told = dict(quotas.admit(ALICE, exchange(), BODY).headers())
    assert told["X-RateLimit-Degraded"] == "1"
    assert told["X-RateLimit-Limit"] == "25"
    assert told["x-ratelimit-limit-tokens"] == "250"
    assert limiting.degraded


def test_with_the_store_back_all_workers_count_together_again(server, limiting):
    server.kill()
    assert admits(limiting.quotas, times=40) == 25
    server.start()
    eventually(lambda: not limiting.degraded)
    assert admits(limiting.quotas, times=140) == 100
    told = dict(limiting.quotas.admit(ALICE, exchange(), None).headers())
    assert "X-RateLimit-Degraded" not in told


def test_a_store_that_was_emptied_counts_anew(server, limiting):
    assert admits(limiting.quotas, times=60) == 60
    server.kill()
    server.start()
    assert admits(limiting.quotas, times=120) == 100
    assert not limiting.degraded


def test_sign_ins_are_closed_without_the_store(server, limiting):
    throttle = limiting.throttle
    charge = throttle.begin("alice", "10.0.0.1")
    server.kill()
    for ask in (
        lambda: throttle.check("alice", "10.0.0.1"),
        lambda: throttle.begin("alice", "10.0.0.1"),
        lambda: throttle.failed(charge),
        lambda: throttle.guest_allowed("10.0.0.1"),
    ):
        with pytest.raises(BackendUnavailable) as closed:
            ask()
        assert (closed.value.status, closed.value.retry_after_s) == (503, 1)
    throttle.give_back(charge)
    server.start()
    eventually(lambda: not limiting.degraded)
    throttle.check("alice", "10.0.0.1")


def test_what_could_not_be_settled_is_settled_when_the_store_is_back(server, limiting):
    """The store was cut off and lost nothing: the slot and the tokens are still taken there."""
    quotas = limiting.quotas
    first, second, third = exchange(), exchange(), exchange()
    for one in (first, second, third):
        assert quotas.admit(ALICE, one, BODY).admitted
    os.kill(server.pid, signal.SIGSTOP)
    finish(quotas, first, (1, 1))
    assert limiting.degraded
    os.kill(server.pid, signal.SIGCONT)
    eventually(lambda: not limiting.degraded)
    finish(quotas, second, (1, 1))
    probes = [quotas.admit(ALICE, exchange(), BODY) for _ in range(3)]
    assert [probe.admitted for probe in probes] == [True, True, False]
    assert probes[1].tokens.remaining == 1000 - 2 - 2 - 3 * 102


def test_upkeep_settles_what_no_request_does(server, tmp_path):
    limits = Limits(storage_url=server.url, concurrent_requests=1)
    folder = Server(workers=4, data_dir=str(tmp_path))
    gateway = create_app(Settings(limits=limits, server=folder)).extensions["llmwrap"]
    quotas, one = gateway.limiting.quotas, exchange()
    assert quotas.admit(ALICE, one, BODY).admitted
    os.kill(server.pid, signal.SIGSTOP)
    finish(quotas, one)
    os.kill(server.pid, signal.SIGCONT)
    eventually(lambda: not gateway.limiting.degraded)
    assert not quotas.admit(ALICE, exchange(), BODY).admitted
    gateway.upkeep.look()
    assert quotas.admit(ALICE, exchange(), BODY).admitted
    gateway.stop()


def test_a_client_that_leaves_is_no_outage(limiting):
    """It has used what was reserved, no more and no less."""
    quotas = limiting.quotas
    for _ in range(8):
        one, other = exchange(), exchange()
        assert quotas.admit(ALICE, one, BODY).admitted
        assert quotas.admit(BOB, other, BODY).admitted
        finish(quotas, one, outcome="client_abort")
        assert not limiting.degraded
        finish(quotas, other, (1, 1))
    assert quotas.admit(ALICE, exchange(), BODY).tokens.remaining == 1000 - 9 * 102
    assert quotas.admit(BOB, exchange(), BODY).tokens.remaining == 1000 - 8 * 2 - 102


class Grudge:
    """A store that is lost with each settlement of some holders."""

    def __init__(self) -> None:
        self.holders: set[str] = set()
        self.settled: list[str] = []
        self.tries = 0

    def admit(self, windows, slot):
        return Verdict(True, tuple(Count(0, 0.0, 0.0) for _ in windows))

    def settle(self, settlements, slot):
        if slot.holder in self.holders:
            self.tries += 1
            raise RedisGone("gone")
        self.settled.append(slot.holder)


@pytest.fixture
def grudge():
    return Grudge()


@pytest.fixture
def healed():
    return threading.Event()


@pytest.fixture
def held(grudge, healed):
    """A circuit to it, open until it is `healed`, and limits that count there."""
    circuit = Circuit(healed.wait, (RedisGone,), probe_every_s=0.001)
    settings = Settings(limits=Limits(default="", concurrent_requests=9))
    yield circuit, Quotas(settings, MemoryCounters(), grudge, circuit)
    circuit.stop()
    healed.set()


def flushed(circuit, quotas, times):
    for _ in range(times):
        eventually(lambda: not circuit.gone)
        quotas.flush()


def test_a_settlement_that_fails_holds_up_no_other(grudge, healed, held, caplog):
    circuit, quotas = held
    bad, *good = exchanges = [exchange() for _ in range(4)]
    grudge.holders.add(bad.id)
    for one in exchanges:
        assert quotas.admit(ALICE, one, BODY).admitted
    for one in exchanges:
        finish(quotas, one)
    healed.set()
    flushed(circuit, quotas, 2)
    assert grudge.settled == [one.id for one in good]
    flushed(circuit, quotas, 9)
    assert grudge.tries == 5
    assert [record.msg for record in caplog.records].count("settlement_dropped") == 1


def test_what_cannot_be_settled_yet_is_not_tried(grudge, healed, held):
    circuit, quotas = held
    one = exchange()
    assert quotas.admit(ALICE, one, BODY).admitted
    grudge.holders.add(one.id)
    finish(quotas, one)
    for _ in range(9):
        quotas.flush()
    assert grudge.tries == 1
    grudge.holders.clear()
    healed.set()
    flushed(circuit, quotas, 1)
    assert grudge.settled == [one.id]


def test_a_store_that_hangs_holds_up_one_request_for_a_moment(server, limiting):
    assert admits(limiting.quotas) == 1
    os.kill(server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert admits(limiting.quotas, times=25) == 25
        passed_s = time.monotonic() - started
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert 0.1 < passed_s < 2  # 25 that wait would take 3.75 s


def test_a_store_that_was_never_there_is_no_reason_not_to_start(tmp_path):
    limits = Limits(default="8/minute", storage_url="redis://127.0.0.1:1/0")
    made = make_limiting(Settings(limits=limits, server=Server(workers=4)))
    assert not made.degraded
    assert admits(made.quotas, times=9) == 2
    assert made.degraded
    made.stop()
