"""Hashed words as vectors."""

import pytest

from llmwrap.demo.vectors import embed_text, floats_of


def vector(text: str, dimensions: int = 384) -> tuple[float, ...]:
    return floats_of(embed_text(text, dimensions))


def likeness(left: str, right: str) -> float:
    pairs = zip(vector(left), vector(right), strict=True)
    return sum(a * b for a, b in pairs)


def test_vectors_are_the_same_in_every_process() -> None:
    sums = [value * 22**0.5 for value in vector("red fox", 4)]
    assert sums == pytest.approx([1, -2, -1, 4], abs=1e-5)


def test_texts_that_share_words_are_alike() -> None:
    assert likeness("the red fox", "the red dog") > 0.4
    assert abs(likeness("the red fox", "quantum chromodynamics lecture")) < 0.3


def test_case_and_punctuation_do_not_count() -> None:
    assert embed_text("Red, FOX!", 384) == embed_text("red fox", 384)


@pytest.mark.parametrize("dimensions", [1, 2, 384, 4096])
@pytest.mark.parametrize("text", ["red fox", "...", "日本語"])
def test_length_is_one(text: str, dimensions: int) -> None:
    values = vector(text, dimensions)
    assert len(values) == dimensions
    assert sum(value * value for value in values) == pytest.approx(1, abs=1e-6)
