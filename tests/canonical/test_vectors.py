"""Vectors cut and made as long as 1."""

import pytest

from llmwrap.canonical.vectors import cut, unit


def test_unit_has_the_length_1_and_the_same_direction() -> None:
    assert unit([3.0, 4.0]) == pytest.approx([0.6, 0.8])


def test_zeros_have_no_direction() -> None:
    assert unit([0.0, 0.0]) == [0.0, 0.0]


def test_cut_vector_has_the_length_1() -> None:
    assert cut([3.0, 4.0, 12.0], 2) == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("dimensions", [0, 2, 3])
def test_vector_that_is_no_longer_stays(dimensions: int) -> None:
    assert cut([3.0, 4.0], dimensions) == [3.0, 4.0]
