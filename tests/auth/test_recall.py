"""Remembering: fresh for seconds, stale while the database is away, never what is not there."""

import pytest

from llmwrap.auth.recall import Recall
from llmwrap.errors import StorageUnavailable
from tests.auth.making import FakeClock


class Source:
    """Values that can be changed and taken away; counts how often it is asked."""

    def __init__(self):
        self.values = {"a": 1}
        self.away = False
        self.asked = 0

    def __call__(self, key):
        self.asked += 1
        if self.away:
            raise StorageUnavailable("away")
        return self.values.get(key)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def clock():
    return FakeClock(100.0)


@pytest.fixture
def recall(source, clock):
    return Recall(source, clock)


def test_a_value_is_asked_for_once_in_5_s(recall, source, clock):
    assert recall.get("a") == 1
    clock.now += 4.9
    assert recall.get("a") == 1
    assert source.asked == 1
    clock.now += 0.1
    source.values["a"] = 2
    assert recall.get("a") == 2


def test_what_is_not_there_is_not_remembered(recall, source):
    assert recall.get("b") is None
    source.values["b"] = 3
    assert recall.get("b") == 3


def test_what_has_gone_is_forgotten(recall, source, clock):
    recall.get("a")
    clock.now += 5
    del source.values["a"]
    assert recall.get("a") is None
    source.away = True
    with pytest.raises(StorageUnavailable):
        recall.get("a")


def test_a_value_is_good_for_60_s_while_the_source_is_away(recall, source, clock):
    recall.get("a")
    source.away = True
    clock.now += 59.9
    assert recall.get("a") == 1
    clock.now += 0.1
    with pytest.raises(StorageUnavailable):
        recall.get("a")


def test_what_was_never_seen_is_unavailable_while_the_source_is_away(recall, source):
    source.away = True
    with pytest.raises(StorageUnavailable):
        recall.get("a")


def test_reload_passes_by_what_is_remembered(recall, source):
    recall.get("a")
    source.values["a"] = 2
    assert recall.reload("a") == 2
    assert recall.get("a") == 2


def test_clearing_forgets_everything(recall, source):
    recall.get("a")
    recall.clear()
    recall.get("a")
    assert source.asked == 2


def test_the_memory_is_bounded(clock):
    recall = Recall(lambda key: key, clock)
    for number in range(1, 5000):
        recall.get(number)
    assert len(recall._entries) == 4096
