"""The retry budget of a pool: retries may not multiply the load of a failing pool.

In the long run at most a tenth of the requests are retried, plus ten to begin with. Not
thread-safe: the pool's lock guards it.
"""

MOST = 10.0
PER_REQUEST = 0.1


class RetryBudget:
    """A bucket: a request puts a tenth in, a retry takes one out."""

    def __init__(self) -> None:
        self._left = MOST

    def request(self) -> None:
        """A first attempt was made."""
        self._left = min(MOST, self._left + PER_REQUEST)

    def retry(self) -> bool:
        """Take one retry out; False when there is none."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
