"""Which room may import which, and what a fold may not reach for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"ingest", "projections", "workers"}
NEIGHBOURS = {
    "ingest": {"ingest"},
    "projections": {"projections", "ingest"},
    "workers": {"workers", "projections", "ingest"},
}
"""The arrows: workers → projections → ingest, and workers → ingest."""

PURE = {"bisect", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools",
        "itertools", "math", "operator", "re", "typing", "weakref", "ingest", "projections"}  # fmt: skip
DOING = {"projections.apply", "projections.gather", "projections.heads", "projections.registry"}
"""What a pure module imports; and what of its own room is no pure module."""

MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
STATED = ("\nPROJECTION = Projection(", "\nAGGREGATE = Aggregate(")
FOLDS = [path for path in MODULES if any(each in path.read_text() for each in STATED)]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_imports_only_along_the_arrows(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    found = {module.split(".")[0] for module in imported(path)} & ROOMS
    assert found <= NEIGHBOURS[room]


@pytest.mark.parametrize("path", FOLDS, ids=name)
def test_a_module_that_defines_a_projection_or_an_aggregate_is_pure(path: Path) -> None:
    assert [] == list(impure(path, set()))


def impure(path: Path, seen: set[Path]) -> Iterator[str]:
    """What the file, and whatever of its own room it imports, imports and a pure module may not."""
    seen.add(path)
    for module in imported(path):
        first = module.split(".")[0]
        if first not in PURE or module in DOING:
            yield f"{name(path)} imports {module}"
        own = ROOT / f"{module.replace('.', '/')}.py"
        if first == "projections" and own.exists() and own not in seen:
            yield from impure(own, seen)


def test_ingest_needs_no_postgres() -> None:
    for path in (ROOT / "ingest").rglob("*.py"):
        assert "psycopg" not in {module.split(".")[0] for module in imported(path)}, name(path)
