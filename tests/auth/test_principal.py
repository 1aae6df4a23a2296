"""Which names of models an allow-list has."""

import pytest

from llmwrap.auth.principal import Principal


def may_use(name, *lists):
    return Principal("usr_1", "api_key", models=lists).may_use_model(name)


@pytest.mark.parametrize(
    ("lists", "name", "has"),
    [
        ((), "tiny", True),
        (((),), "tiny", False),
        ((("Mistral-*", "tiny"),), "tiny", True),
        ((("Mistral-*", "tiny"),), "Tiny", False),
        ((("*",), ("Mistral-*",)), "Mistral-Small", True),
        ((("*",), ("Mistral-*",)), "tiny", False),
    ],
)
def test_a_model_must_be_in_every_list(lists, name, has):
    assert may_use(name, *lists) is has


@pytest.mark.parametrize("lists", [(), (("*",),), (("a*",), ("*a",))])
def test_what_is_too_long_for_a_name_is_in_no_list(lists):
    assert may_use("a" * 512, *lists)
    assert not may_use("a" * 513, *lists)


def test_a_name_of_megabytes_is_not_matched_with_any_pattern():
    """It took a worker seconds, in which it did nothing else."""
    pattern = "*" + "?" * 120 + "b"
    assert not may_use("a" * 20_000_000, (pattern,))
