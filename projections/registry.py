"""Finds the read models: every module of this package that defines a PROJECTION or an AGGREGATE."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import projections
from projections.aggregate import Aggregate
from projections.projection import Projection


@cache
def registered() -> tuple[Projection, ...]:
    """All projections, by table name."""
    found = [module.PROJECTION for module in _modules() if hasattr(module, "PROJECTION")]
    return tuple(sorted(found, key=lambda projection: projection.table))


@cache
def aggregates() -> tuple[Aggregate, ...]:
    """All aggregates, by table name."""
    found = [module.AGGREGATE for module in _modules() if hasattr(module, "AGGREGATE")]
    return tuple(sorted(found, key=lambda aggregate: aggregate.table))


def tables_of(projection: Projection) -> list[str]:
    """The projection's table, and those that follow from it."""
    return [projection.table, *(each.table for each in aggregates() if each.of == projection.table)]


@cache
def _modules() -> tuple[ModuleType, ...]:
    names = [name for _, name, _ in iter_modules(projections.__path__)]
    return tuple(import_module(f"{projections.__name__}.{name}") for name in names)
