"""What a read model across objects states: whose rows it gathers, by what, and its pure fold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from projections.projection import Row
from projections.revenue_rules import Rules

Gathered = Mapping[str, Sequence[Row]]
"""The rows of one owner, in any order, by the table that they are from."""


@dataclass(frozen=True, eq=False)
class Aggregate:
    """A read model over the rows that projections make of several objects.

    `reads` names the tables that it gathers from, each with the columns that the fold receives: tables of
    projections, or of other aggregates with the same `owner`. `owner` is a column of each of them, and of
    its own table: the rows that agree in `account`, `livemode` and `owner` are gathered. `fold` is pure, and
    yields the *complete* set of rows of that owner; applying replaces that set. `key` are the columns that
    tell its rows apart.

    The columns `account`, `livemode` and `owner` are filled by whoever applies the rows. A fold that raises
    is in error itself: what it is given was digested before.
    """

    table: str
    reads: Mapping[str, tuple[str, ...]]
    fold: Callable[[Gathered, Rules], Iterable[Row]]
    owner: str
    key: tuple[str, ...]
