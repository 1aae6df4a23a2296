"""What may import what, who may do IO, how long things may get: read from the source.

The tables are those of the design; a new unit of `llmwrap` needs a line in MAY_IMPORT.
"""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "llmwrap"

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 45

GROUND = "canonical errors exchange settings"
MODELS = f"{GROUND} dialects upstreams routing"

MAY_IMPORT = {
    "__init__": "",
    "canonical": "",
    "errors": "",
    "settings": "",
    "exchange": "canonical errors",
    "dialects": GROUND,
    "upstreams": f"{GROUND} dialects",
    "routing": f"{GROUND} dialects upstreams",
    "relay": MODELS,
    "handover": "",
    "storage": "errors settings",
    "auth": "errors exchange settings storage",
    "sinks": f"{GROUND} storage",
    "logs": "settings",
    "demo": "errors settings",
    "discovery": "settings",
    "banner": "demo settings",
    "listening": "",
    "pid_file": "",
    "startup": "auth banner demo discovery errors listening pid_file settings storage",
    "gateway": f"{MODELS} auth demo sinks storage",
    "web": f"{MODELS} auth gateway handover relay sinks storage",
    "server": f"{MODELS} auth gateway handover logs relay sinks",
    "app": f"{MODELS} auth demo gateway logs relay sinks storage web",
    "cli": "app auth errors listening logs pid_file settings storage upstreams",
    "wsgi": "app settings startup",
    "gunicorn.conf": "app auth listening logs server settings startup",
}
"""Unit -> the units that it may import beside itself; the first ones stand at the bottom."""

FLASK = (
    "app.py",
    "cli/*",
    "web/*",
    *(f"auth/{name}.py" for name in ("guard", "limits")),
)
CONTROL_PLANE = ("client", "catalog", "health")
REQUESTS = (
    *(f"upstreams/{name}.py" for name in CONTROL_PLANE),
    "auth/jwks.py",
    "discovery.py",
)
LOOP = ("server/*",)
DATABASE = ("storage/*",)

PLACES = {
    "flask": (*FLASK, "auth/authenticators.py"),
    "flask_limiter": FLASK,
    "flask_httpauth": (*FLASK, "auth/authenticators.py"),
    "requests": REQUESTS,
    "urllib3": REQUESTS,
    "asyncio": LOOP,
    "uvicorn": LOOP,
    "uvicorn_worker": LOOP,
    "uvloop": LOOP,
    "httptools": LOOP,
    "sqlalchemy": DATABASE,
    "alembic": DATABASE,
}
"""Library -> the only files that may import it."""

PURE = (
    "canonical/*",
    "dialects/*",
    "relay/*",
    "routing.py",
    *(
        f"upstreams/{name}.py"
        for name in (
            "affinity",
            "budget",
            "health",
            "poison",
            "policies",
            "rules",
            "waiting",
        )
    ),
)
PURE_LIBRARIES = frozenset(
    {"base64", "collections", "dataclasses", "datetime", "hashlib", "json", "math"}
    | {"random", "re", "struct", "typing", "marshmallow", "orjson"}
)
IO_CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})
"""Methods of `datetime` and `date` that read the clock; the rest of that library is arithmetic."""


@cache
def sources() -> dict[str, ast.Module]:
    """Path below `llmwrap/` -> its syntax tree."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def entrances() -> dict[str, ast.Module]:
    """The files beside the package that start it."""
    names = ("wsgi.py", "gunicorn.conf.py")
    return {name: ast.parse((ROOT / name).read_text("utf-8")) for name in names}


def unit_of(path: str) -> str:
    """`dialects/base.py` -> `dialects`, `relay.py` -> `relay`."""
    return path.partition("/")[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """(module, names taken out of it) of every import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            yield dots + (node.module or ""), {alias.name for alias in node.names}


def units_imported(tree: ast.AST) -> set[str]:
    """The units of `llmwrap` that a file imports."""
    units: set[str] = set()
    for module, names in imported(tree):
        if module == "llmwrap":
            units.update(names - {"__version__"})
        elif module.startswith("llmwrap."):
            units.add(module.split(".")[1])
    return units


def libraries_imported(tree: ast.AST) -> set[str]:
    return {module.partition(".")[0] for module, _ in imported(tree)} - {"llmwrap"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _fits(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _module_of(path: str) -> str:
    parts = ["llmwrap", *path.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_reading_sees_every_form_of_import() -> None:
    tree = ast.parse(
        "import a.b, llmwrap.relay as r\n"
        "from llmwrap import __version__, errors\n"
        "from llmwrap.web.gateway import Gateway\n"
        "def f():\n    from . import x\n    from flask import g\n"
    )
    assert units_imported(tree) == {"relay", "errors", "web"}
    assert libraries_imported(tree) == {"a", "", "flask"}


def test_every_unit_has_its_place() -> None:
    units = {unit_of(path) for path in (*sources(), *entrances())}
    assert len(units) > 15
    assert units - MAY_IMPORT.keys() == set()


def test_table_of_imports_has_no_circle() -> None:
    graph = {unit: set(below.split()) for unit, below in MAY_IMPORT.items()}
    assert len(tuple(TopologicalSorter(graph).static_order())) == len(MAY_IMPORT)


def test_units_import_only_what_stands_below_them() -> None:
    wrong = [
        f"{path} imports {unit}"
        for path, tree in (*sources().items(), *entrances().items())
        for unit in sorted(units_imported(tree))
        if unit not in {unit_of(path), *MAY_IMPORT[unit_of(path)].split()}
    ]
    assert wrong == []


@pytest.mark.parametrize("library", PLACES)
def test_library_stays_in_its_place(library: str) -> None:
    wrong = [
        path
        for path, tree in sources().items()
        if library in libraries_imported(tree) and not _fits(path, PLACES[library])
    ]
    assert wrong == []


def test_pure_code_does_no_io_and_reads_no_clock() -> None:
    pure = {path: tree for path, tree in sources().items() if _fits(path, PURE)}
    assert len(pure) > 15
    wrong = [
        f"{path} imports {library}"
        for path, tree in pure.items()
        for library in sorted(libraries_imported(tree) - PURE_LIBRARIES)
    ]
    wrong += [
        f"{path} calls {node.func.id}"
        for path, tree in pure.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in IO_CALLS
    ]
    wrong += [
        f"{path} calls {node.func.attr}"
        for path, tree in pure.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
    ]
    assert wrong == []


def test_imports_are_absolute_and_stand_at_the_top() -> None:
    wrong = [
        f"{path}:{function.name} imports {module}"
        for path, tree in sources().items()
        for function in functions(tree)
        for module, _ in imported(function)
    ]
    wrong += [
        f"{path} imports {module}"
        for path, tree in sources().items()
        for module, _ in imported(tree)
        if module.startswith(".")
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {_module_of(path): tree for path, tree in sources().items()}
    graph: dict[str, set[str]] = {}
    for module, tree in modules.items():
        graph[module] = set()
        for source, names in imported(tree):
            parts = {f"{source}.{name}" for name in names}
            graph[module] |= (parts & modules.keys()) or ({source} & modules.keys())
    assert sum(map(len, graph.values())) > 100
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_files_are_short() -> None:
    lengths = {
        path: (PACKAGE / path).read_text("utf-8").count("\n") for path in sources()
    }
    too_long = {path: size for path, size in lengths.items() if size > MAX_FILE_LINES}
    assert too_long == {}


def test_functions_are_short() -> None:
    too_long = {
        f"{path}:{function.name}": lines
        for path, tree in sources().items()
        for function in functions(tree)
        if (lines := (function.end_lineno or 0) - function.lineno + 1)
        > MAX_FUNCTION_LINES
    }
    assert too_long == {}
