"""The two ways to write the name of a model that has a tag."""

import pytest

from llmwrap.canonical.names import folded, spellings, tagged


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("foo", "foo:latest"),
        ("foo:latest", "foo:latest"),
        ("foo:8b", "foo:8b"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B:latest"),
        ("hf.co/a/b:Q4", "hf.co/a/b:Q4"),
        ("host:5000/foo", "host:5000/foo:latest"),
    ],
)
def test_colon_of_a_tag_stands_after_the_last_slash(name: str, full: str) -> None:
    assert tagged(name) == full


@pytest.mark.parametrize(
    ("name", "all_ways"),
    [
        ("foo", ("foo", "foo:latest")),
        ("foo:latest", ("foo:latest", "foo")),
        ("foo:8b", ("foo:8b",)),
        ("foo:Latest", ("foo:Latest",)),
        ("host:5000/foo", ("host:5000/foo", "host:5000/foo:latest")),
    ],
)
def test_only_the_default_tag_may_be_left_out(
    name: str, all_ways: tuple[str, ...]
) -> None:
    assert spellings(name) == all_ways


def test_folded_names_differ_in_case_and_default_tag_only() -> None:
    same = ("foo", "Foo", "FOO:LATEST", " foo:latest\n")
    assert {folded(name) for name in same} == {"foo:latest"}
    assert folded("foo:8b") != folded("foo")
