"""Finds the read models: every module of this package that defines a PROJECTION."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import projections
from projections.projection import Projection


@cache
def registered() -> tuple[Projection, ...]:
    """All projections, by table name."""
    names = [name for _, name, _ in iter_modules(projections.__path__)]
    modules = [import_module(f"{projections.__name__}.{name}") for name in names]
    found = [module.PROJECTION for module in modules if hasattr(module, "PROJECTION")]
    return tuple(sorted(found, key=lambda projection: projection.table))
