"""Texts to vectors by hashing words: equal texts have equal vectors, and that is all.

The vectors mean NOTHING beyond word overlap; they are there so that a client's plumbing
can be tried.
"""

import re
import struct
from hashlib import blake2b
from math import sqrt

DEFAULT_DIMENSIONS = 384
MAX_DIMENSIONS = 4096

MARKS_PER_WORD = 8
"""How many places of the vector one word touches."""


def embed_text(text: str, dimensions: int) -> bytes:
    """Return a vector of unit length: `dimensions` little-endian float32."""
    sums = [0.0] * dimensions
    for word in re.findall(r"\w+", text.casefold()):
        for place, sign in _marks(word):
            sums[place % dimensions] += sign
    if not any(sums):
        sums[0] = 1.0
    length = sqrt(sum(value * value for value in sums))
    return struct.pack(f"<{dimensions}f", *(value / length for value in sums))


def floats_of(vector: bytes) -> tuple[float, ...]:
    """Return the numbers of a vector made by `embed_text`."""
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def _marks(word: str) -> list[tuple[int, int]]:
    digest = blake2b(word.encode(), digest_size=4 * MARKS_PER_WORD).digest()
    numbers = [
        int.from_bytes(digest[start : start + 4], "little")
        for start in range(0, len(digest), 4)
    ]
    return [(number >> 1, 1 if number & 1 else -1) for number in numbers]
