"""Vectors made shorter, and made as long as 1. Plain numbers, no wire format."""

import math
from collections.abc import Sequence


def unit(vector: Sequence[float]) -> Sequence[float]:
    """`vector` with a length of 1; one of zeros stays as it is."""
    length = math.hypot(*vector)
    return [each / length for each in vector] if length else vector


def cut(vector: Sequence[float], dimensions: int) -> Sequence[float]:
    """Its first `dimensions` with a length of 1; as it is where it has no more (or at 0)."""
    if not 0 < dimensions < len(vector):
        return vector
    return unit(vector[:dimensions])
