"""The retry budget of a pool: retries may not multiply the load of a failing pool.

In the long run at most a tenth of the requests are retried, plus ten to begin with. Not
thread-safe: the pool's lock guards it.
"""

MOST = 100
RETRY = 10
"""Both in tenths of a retry: whole numbers, so that ten requests are one retry exactly."""


class RetryBudget:
    """A bucket: a request puts a tenth in, a retry takes one out."""

    def __init__(self) -> None:
        self._left = MOST

    def request(self) -> None:
        """A first attempt was made."""
        self._left = min(MOST, self._left + 1)

    def retry(self) -> bool:
        """Take one retry out; False when there is none."""
        if self._left < RETRY:
            return False
        self._left -= RETRY
        return True
