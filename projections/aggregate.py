"""What a read model across objects states: whose rows it gathers, by what, and its pure fold."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from projections.projection import Row


@dataclass(frozen=True)
class Aggregate:
    """A read model over the rows that a projection makes of several objects.

    `of` is that projection's table, and `owner` a column of it that is never null: the rows that agree in
    `account`, `livemode` and `owner` are gathered. `fold` is pure, and receives their columns `reads`, the
    rows in any order; it yields the *complete* set of rows of that owner, and applying replaces that set.
    `key` are the columns that tell its rows apart.

    The columns `account`, `livemode` and `owner` are filled by whoever applies the rows. A fold that raises
    is in error itself: what it is given was digested before.
    """

    table: str
    of: str
    reads: tuple[str, ...]
    fold: Callable[[Sequence[Row]], Iterable[Row]]
    owner: str
    key: tuple[str, ...]
