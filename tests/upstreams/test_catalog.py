"""What the upstreams list, kept up to date beside the requests."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from llmwrap.dialects.base import Model
from llmwrap.errors import UpstreamError, UpstreamUnreachable
from llmwrap.upstreams.catalog import Catalog, Listing, Pace
from llmwrap.upstreams.upstream import Upstream
from tests.upstreams.making import make_upstream, models

PATIENCE_S = 10.0
AT_ONCE = Pace(refresh_s=0, retry_s=0, pause_s=0)
ONLY_WHEN_MISSED = Pace(refresh_s=3600, retry_s=3600, pause_s=0)
A, B = make_upstream("a"), make_upstream("b")


class Lists:
    """Says of each upstream what it is told to; every call waits for `let`."""

    def __init__(self, **answers: tuple[Model, ...] | Exception) -> None:
        self.answers = answers
        self._gates = {name: threading.Semaphore(0) for name in answers}
        self._asked = {name: SimpleQueue[None]() for name in answers}

    def __call__(self, upstream: Upstream) -> tuple[Model, ...]:
        self._asked[upstream.name].put(None)
        assert self._gates[upstream.name].acquire(timeout=PATIENCE_S)
        answer = self.answers[upstream.name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def let(self, name: str, times: int = 1) -> None:
        """Let the next calls for `name` return."""
        self._gates[name].release(times)

    def until_asked(self, name: str) -> None:
        """Wait until `name` is asked once more; what it said before is listed by then."""
        self._asked[name].get(timeout=PATIENCE_S)

    def asked(self, name: str) -> int:
        """How often `name` was asked beyond what was waited for."""
        return self._asked[name].qsize()


@contextmanager
def running(catalog: Catalog, lists: Lists) -> Iterator[None]:
    before = set(threading.enumerate())
    catalog.start()
    try:
        yield
    finally:
        ending = threading.Thread(target=catalog.stop)
        ending.start()
        for name in lists.answers:
            lists.let(name, 1000)
        ending.join(PATIENCE_S)
    assert set(threading.enumerate()) == before


def _asking(
    answer: tuple[Model, ...] | Exception,
) -> Callable[[Upstream], tuple[Model, ...]]:
    lists = Lists(a=answer, b=answer)
    for name in "ab":
        lists.let(name, 10)
    return lists


def test_nothing_is_known_before_the_first_list() -> None:
    catalog = Catalog((A, B), _asking(models("m")))
    assert catalog.listing(A) == Listing()
    assert catalog.serves(A, "m") is None
    assert not catalog.ready


def test_list_says_what_an_upstream_serves_and_since_when() -> None:
    catalog = Catalog((A, B), _asking(models("m", "n")), clock=lambda: 77.0)
    catalog.refresh(A)
    assert catalog.serves(A, "m") is True
    assert catalog.serves(A, "x") is False
    assert catalog.serves(B, "m") is None
    assert (catalog.listing(A).at, catalog.listing(A).error) == (77.0, "")
    assert not catalog.ready
    catalog.refresh(B)
    assert catalog.ready


def test_empty_list_serves_nothing_and_is_known() -> None:
    catalog = Catalog((A,), _asking(()))
    catalog.refresh(A)
    assert catalog.serves(A, "m") is False


def test_failure_keeps_the_last_good_list_and_is_told_apart() -> None:
    lists = Lists(a=models("m"))
    lists.let("a", 3)
    now = [5.0]
    catalog = Catalog((A,), lists, clock=lambda: now[0])
    catalog.refresh(A)
    now[0] = 7.0
    lists.answers["a"] = UpstreamUnreachable("gone")
    catalog.refresh(A)
    listing = catalog.listing(A)
    assert catalog.serves(A, "m") is True
    assert (listing.at, listing.error) == (5.0, "upstream_unreachable")
    now[0] = 9.0
    lists.answers["a"] = models("n")
    catalog.refresh(A)
    assert (catalog.serves(A, "m"), catalog.serves(A, "n")) == (False, True)
    assert (catalog.listing(A).at, catalog.listing(A).error) == (9.0, "")


def test_upstream_that_never_listed_stays_unknown_after_a_failure() -> None:
    catalog = Catalog((A,), _asking(UpstreamError("busy")))
    catalog.refresh(A)
    assert catalog.serves(A, "m") is None
    assert catalog.listing(A) == Listing(error="upstream_error", tried=True)
    assert catalog.ready


def test_static_list_is_known_at_once_and_never_asked_for() -> None:
    static = make_upstream("s", models=("m",))
    lists = Lists(s=UpstreamError("asked"))
    catalog = Catalog((static,), lists)
    assert catalog.ready
    assert (catalog.serves(static, "m"), catalog.serves(static, "n")) == (True, False)
    with running(catalog, lists):
        catalog.miss()
    assert lists.asked("s") == 0


def test_creation_time_is_the_one_that_was_told_first() -> None:
    lists = Lists(a=models("n", m=100))
    lists.let("a", 2)
    catalog = Catalog((A,), lists)
    catalog.refresh(A)
    first = catalog.listing(A).models
    assert first
    assert first["m"].created == 100
    assert first["n"].created > 1_700_000_000  # the time of the first sight
    lists.answers["a"] = models(m=200, n=300, o=400)
    catalog.refresh(A)
    second = catalog.listing(A).models
    assert second
    assert second["m"].created == 100
    assert second["n"].created == first["n"].created
    assert second["o"].created == 400


def test_failure_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "llmwrap")
    lists = Lists(a=UpstreamError("busy"))
    lists.let("a", 5)
    catalog = Catalog((A,), lists)
    catalog.refresh(A)
    catalog.refresh(A)
    lists.answers["a"] = models("m")
    catalog.refresh(A)
    catalog.refresh(A)
    assert [record.getMessage() for record in caplog.records] == [
        "models_not_listed",
        "models_listed",
    ]


def test_slow_upstream_delays_no_other() -> None:
    lists = Lists(a=models("m"), b=models("m"))
    catalog = Catalog((A, B), lists, pace=ONLY_WHEN_MISSED)
    with running(catalog, lists):
        lists.until_asked("a")
        for _ in range(3):
            lists.let("b")
            lists.until_asked("b")
            catalog.miss()
        lists.until_asked("b")
        assert catalog.serves(B, "m") is True
        assert catalog.serves(A, "m") is None
        assert lists.asked("a") == 0


def test_failing_upstream_is_asked_again_soon_and_a_good_one_is_not() -> None:
    lists = Lists(a=UpstreamError("busy"), b=models("m"))
    soon = Pace(refresh_s=3600, retry_s=0, pause_s=0)
    catalog = Catalog((A, B), lists, pace=soon)
    with running(catalog, lists):
        lists.let("a", 3)
        lists.let("b")
        lists.until_asked("b")
        for _ in range(4):
            lists.until_asked("a")
        assert lists.asked("b") == 0


def test_good_list_is_asked_for_again_after_its_time() -> None:
    lists = Lists(a=models("m"))
    catalog = Catalog((A,), lists, pace=AT_ONCE)
    with running(catalog, lists):
        lists.let("a", 2)
        for _ in range(3):
            lists.until_asked("a")


def test_miss_wakes_the_refreshers() -> None:
    lists = Lists(a=models("m"))
    catalog = Catalog((A,), lists, pace=ONLY_WHEN_MISSED)
    with running(catalog, lists):
        lists.let("a")
        lists.until_asked("a")
        lists.answers["a"] = models("n")
        catalog.miss()
        lists.until_asked("a")
        lists.let("a")
        catalog.miss()
        lists.until_asked("a")
        assert catalog.serves(A, "n") is True


def test_miss_is_answered_once() -> None:
    lists = Lists(a=models("m"), b=UpstreamError("busy"))
    catalog = Catalog((A, B), lists, pace=Pace(refresh_s=3600, retry_s=0, pause_s=0))
    with running(catalog, lists):
        lists.let("a", 100)
        lists.until_asked("a")
        catalog.miss()
        lists.let("b", 100)
        for _ in range(80):
            lists.until_asked("b")
        assert lists.asked("a") <= 1


def test_unforeseen_failure_does_not_end_the_refresher(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lists = Lists(a=RuntimeError("bug"))
    catalog = Catalog((A,), lists, pace=AT_ONCE)
    with running(catalog, lists):
        lists.let("a")
        lists.until_asked("a")
        lists.until_asked("a")
        lists.answers["a"] = models("m")
        lists.let("a")
        lists.until_asked("a")
        assert catalog.serves(A, "m") is True
    assert "catalog_refresh_failed" in caplog.messages


def test_second_start_starts_nothing() -> None:
    lists = Lists(a=models("m"), b=models("m"))
    catalog = Catalog((A, B), lists, pace=ONLY_WHEN_MISSED)
    before = threading.active_count()
    with running(catalog, lists):
        catalog.start()
        assert threading.active_count() == before + 2


def test_stop_waits_for_a_list_under_way() -> None:
    lists = Lists(a=models("m"))
    catalog = Catalog((A,), lists, pace=ONLY_WHEN_MISSED)
    with running(catalog, lists):
        lists.until_asked("a")
    assert catalog.serves(A, "m") is True
    assert lists.asked("a") == 0


def test_stop_without_start_does_nothing() -> None:
    Catalog((A,), _asking(())).stop()
