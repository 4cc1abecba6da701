"""Finds the read models: every module of this package that defines a PROJECTION or an AGGREGATE."""

from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
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
    """All aggregates, each after those that it reads."""
    found = [module.AGGREGATE for module in _modules() if hasattr(module, "AGGREGATE")]
    reads = {each.table: set(each.reads) for each in found}
    before = {table: names & reads.keys() for table, names in reads.items()}
    order = list(TopologicalSorter(dict(sorted(before.items()))).static_order())
    return tuple(sorted(found, key=lambda aggregate: order.index(aggregate.table)))


@cache
def sources(aggregate: Aggregate) -> frozenset[str]:
    """The tables of the projections that an aggregate follows from, be it by way of others."""
    through = [sources(each) for each in aggregates() if each.table in aggregate.reads]
    own = {each.table for each in registered()} & set(aggregate.reads)
    return frozenset(own).union(*through)


def tables_of(projection: Projection) -> list[str]:
    """The projection's table, and those that follow from it."""
    return [projection.table, *(each.table for each in aggregates() if projection.table in sources(each))]


def together(projections: Iterable[Projection]) -> tuple[Projection, ...]:
    """These projections, and those whose rows are gathered with theirs."""
    chosen = {each.table for each in projections}
    for _ in aggregates():
        chosen |= {table for each in aggregates() if sources(each) & chosen for table in sources(each)}
    return tuple(each for each in registered() if each.table in chosen)


@cache
def _modules() -> tuple[ModuleType, ...]:
    names = [name for _, name, _ in iter_modules(projections.__path__)]
    return tuple(import_module(f"{projections.__name__}.{name}") for name in names)
