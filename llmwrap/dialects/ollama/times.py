"""Times as Ollama writes them: RFC 3339 in UTC for instants, nanoseconds for spans."""

from datetime import UTC, datetime

MICROSECONDS = 1_000_000
NANOSECONDS = 1_000_000_000


def rfc3339(unix_s: float) -> str:
    """An instant with microseconds, such as `2026-01-02T03:04:05.000006Z`."""
    second, rest = divmod(int(unix_s * MICROSECONDS), MICROSECONDS)
    return f"{to_the_second(second)}{rest:06d}Z"


def to_the_second(unix_s: int) -> str:
    """The part of it that a whole second shares, with the dot."""
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%dT%H:%M:%S}."


def unix_seconds(text: object) -> int:
    """The instant that an upstream wrote, 0 where it wrote none."""
    if not isinstance(text, str):
        return 0
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp()))
    except (ValueError, OverflowError):
        return 0


def nanoseconds(seconds: float) -> int:
    """A span as Go's `time.Duration`, never below zero."""
    return max(0, int(seconds * NANOSECONDS))
