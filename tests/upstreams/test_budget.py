"""The retry budget: ten to begin with, then one for every ten requests."""

from llmwrap.upstreams.budget import RetryBudget


def _retries(budget: RetryBudget, wanted: int) -> int:
    """How many of `wanted` retries are granted."""
    return sum(budget.retry() for _ in range(wanted))


def test_ten_retries_are_there_to_begin_with() -> None:
    assert _retries(RetryBudget(), 15) == 10


def test_ten_requests_earn_one_retry() -> None:
    budget = RetryBudget()
    _retries(budget, 10)
    for _ in range(9):
        budget.request()
    assert not budget.retry()
    budget.request()
    assert budget.retry()
    assert not budget.retry()


def test_quiet_times_save_up_no_more_than_ten() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.request()
    assert _retries(budget, 15) == 10


def test_retries_of_a_failing_pool_are_a_tenth_of_its_requests() -> None:
    budget = RetryBudget()
    granted = 0
    for _ in range(1000):
        budget.request()
        granted += _retries(budget, 2)
    assert (
        granted == 109
    )  # 10 at first; the full bucket gained nothing from one request
