"""The pages below docs/ name files, codes and settings that exist."""

import re
import tomllib
from collections.abc import Iterator

import pytest

from llmwrap.errors import GatewayError, UpstreamRefusal
from tests.gateway import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def kinds(parent: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_troubleshooting_has_every_error_and_no_other() -> None:
    row = r"^\| (\d{3}) \| `(\w+)` \| (\w+) \| [^|]+ \|$"
    rows = re.findall(row, OPERATIONS, re.MULTILINE)
    wanted = {
        (str(kind.status), kind.code, kind.fault)
        for kind in kinds()
        if kind is not UpstreamRefusal  # has the status and code of the upstream
    }
    assert set(rows) == wanted
    assert len(rows) == len(wanted)


def test_events_of_the_log_are_those_of_the_code() -> None:
    table = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", OPERATIONS, re.MULTILINE)
    rows = re.findall(r"\w+", " ".join(table))
    source = "".join(path.read_text() for path in (ROOT / "llmwrap").rglob("*.py"))
    written = set(re.findall(r'log\.(?!debug)\w+\(\s*"([a-z_]+)"', source))
    assert written - set(rows) == set()
    assert [name for name in rows if f'"{name}"' not in source] == []
    assert len(rows) == len(set(rows))


def test_settings_that_are_named_exist() -> None:
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    shown = re.sub(r"^#(?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
    example = tomllib.loads(shown)
    named = re.findall(r"`(server|timeouts|log)\.(\w+)", OPERATIONS)
    assert len(named) >= 6
    assert [name for section, name in named if name not in example[section]] == []


def test_architecture_names_files_that_exist() -> None:
    named = re.findall(r"`((?:llmwrap/|gunicorn|config)[\w./]*)`", ARCHITECTURE)
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).is_file()] == []
