"""The header `Retry-After` of an upstream: seconds or an HTTP date (RFC 9110 10.2.3)."""

from datetime import UTC
from email.utils import parsedate_to_datetime

MIN_S = 1.0
MAX_S = 60.0


def read_retry_after(value: str, now: float) -> float | None:
    """The seconds from `now` (Unix time) that `value` asks for, from 1 to 60.

    None for what is no wait: an absent header, a past date, a negative or unreadable number.
    """
    if not value:
        return None  # nearly always
    try:
        number = value.isascii() and value.isdecimal()
        seconds = float(value) if number else _until(value, now)
    except (ValueError, OverflowError):
        return None
    return None if seconds < 0 else min(max(seconds, MIN_S), MAX_S)


def _until(date: str, now: float) -> float:
    until = parsedate_to_datetime(date)
    return (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now
