"""Random schedules of what can happen to some requests: what must hold in all of them."""

import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relay.schedules import Schedule

MOVES = 40


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_few_schedules_that_can_be_made_short(data: st.DataObject) -> None:
    """The same as below, for whoever has to understand a failure."""
    Schedule(lambda options: data.draw(st.sampled_from(options))).run(MOVES)


def _run(seeds: range) -> None:
    for seed in seeds:
        try:
            Schedule(random.Random(seed).choice).run(MOVES)
        except Exception as error:
            error.add_note(f"this is the schedule of seed {seed}")
            raise


def test_a_thousand_schedules() -> None:
    _run(range(1_000))


@pytest.mark.integration
def test_a_hundred_thousand_schedules() -> None:
    """In several processes: it is nothing but computing."""
    parts = [range(first, first + 5_000) for first in range(1_000, 101_000, 5_000)]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as each:
        assert len(list(each.map(_run, parts))) == len(parts)
