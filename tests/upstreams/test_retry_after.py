"""What an upstream's `Retry-After` is taken for."""

import pytest

from llmwrap.upstreams.retry_after import read_retry_after

NOON = 1_795_262_400.0
"""Sat, 21 Nov 2026 12:00:00 GMT."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("60", 60),
        ("61", 60),
        ("1000000000", 60),
        ("9" * 400, 60),
        ("0", 1),
        ("Sat, 21 Nov 2026 12:00:09 GMT", 9),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 1),
        ("Sunday, 22-Nov-26 12:00:00 GMT", 60),
        ("Sat Nov 21 12:00:30 2026", 30),
        ("Sat, 21 Nov 2026 11:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Sat, 99 Nov 2026 12:00:00 GMT", None),
        ("", None),
        ("-1", None),
        ("abc", None),
        ("1e9", None),
        ("1.5", None),
        ("5, 7", None),
        ("nan", None),
        ("\u0665", None),
    ],
)
def test_retry_after_is_sane_or_none(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, NOON) == seconds
