"""The locks hold what the `.in` files ask for, with hashes, and name no place to get it."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
NAMES = ["requirements", "requirements-dev"]


def direct(name: str) -> list[Requirement]:
    """Return what `name`.in asks for."""
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def blocks(name: str) -> list[str]:
    """Return the lock's entries, each with its hashes, without comments."""
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    return re.split(r"\n(?=\S)", text.strip())


def pins(name: str) -> dict[str, set[str]]:
    """Return the pinned versions of every package, one or more by markers."""
    found: dict[str, set[str]] = {}
    for block in blocks(name):
        pin = Requirement(block.split("\\")[0])
        (only,) = pin.specifier
        assert only.operator == "==", block
        found.setdefault(canonicalize_name(pin.name), set()).add(only.version)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_direct_name_is_pinned_within_its_bound(name: str) -> None:
    locked = pins(name)
    for wanted in direct(name):
        versions = locked[canonicalize_name(wanted.name)]
        assert all(Version(v) in wanted.specifier for v in versions), wanted


@pytest.mark.parametrize("name", NAMES)
def test_every_direct_name_has_a_lower_bound_and_a_comment(name: str) -> None:
    text = (ROOT / f"{name}.in").read_text(encoding="utf-8")
    for paragraph in text.strip().split("\n\n"):
        assert paragraph.startswith("#"), paragraph
    for wanted in direct(name):
        assert [part.operator for part in wanted.specifier] == [">="], wanted


@pytest.mark.parametrize("name", NAMES)
def test_every_pin_has_a_sha256(name: str) -> None:
    for block in blocks(name):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block


def test_the_extra_of_the_limiter_brings_the_redis_client() -> None:
    assert "redis" in pins("requirements")


def test_development_uses_the_pins_of_production() -> None:
    production = pins("requirements")
    development = pins("requirements-dev")
    shared = production.keys() & development.keys()
    assert "requests" in shared
    assert {n: development[n] for n in shared} == {n: production[n] for n in shared}


@pytest.mark.parametrize("suffix", [".in", ".txt"])
@pytest.mark.parametrize("name", NAMES)
def test_no_lock_names_a_registry_or_a_local_path(name: str, suffix: str) -> None:
    text = (ROOT / (name + suffix)).read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted| @ |\s/", text)
    assert not re.search(r"\b[a-z0-9-]+\.(org|com|net|io|dev)\b", text)
