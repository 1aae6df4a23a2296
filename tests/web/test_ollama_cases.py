"""Every conformance case of the Ollama contract is shown by tests that exist."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.web.ollama_cases import CASES

TESTS = Path(__file__).resolve().parent.parent


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in `file`, a path below `tests`."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_case_is_listed() -> None:
    assert list(CASES) == [f"C{number:02}" for number in range(1, 65)]


@pytest.mark.parametrize("case", CASES)
def test_case_is_shown_by_tests_that_exist(case: str) -> None:
    named = [test.partition("::") for test in CASES[case]]
    assert named
    assert [name for file, _, name in named if name not in names_in(file)] == []
