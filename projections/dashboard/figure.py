"""What a figure is, as data: a query, what its columns are, how they are drawn, and where it is explained."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, LiteralString

Row = dict[str, Any]


class Kind(Enum):
    """What a column holds, which says how it is shown."""

    PERIOD = "period"
    MONEY = "money"
    COUNT = "count"
    RATE = "rate"
    NUMBER = "number"
    INSTANT = "instant"
    NAME = "name"
    ID = "id"

    @property
    def numeric(self) -> bool:
        return self in (Kind.MONEY, Kind.COUNT, Kind.RATE, Kind.NUMBER)


@dataclass(frozen=True)
class Column:
    """A column of the query's; `title` where its name in words would not do. `life` is the type
    of object whose ids it holds: each leads to its life.
    """

    name: str
    kind: Kind
    title: str = ""
    life: str = ""


@dataclass(frozen=True)
class Series:
    """A column as it is drawn: `look` is bar or line, `tone` the role of its colour, `title` as in Column."""

    column: str
    tone: str
    look: str = "bar"
    title: str = ""


@dataclass(frozen=True)
class Periods:
    """One mark a period and series. Stacked bars add up, those below zero downwards."""

    series: Sequence[Series]
    stacked: bool = False


@dataclass(frozen=True)
class Parts:
    """A whole over time, by what its rows' `split` column says: bars of `value`, stacked."""

    split: str
    value: str


@dataclass(frozen=True)
class Ranking:
    """The largest first: a bar for each row's `split`, as long as its `value`."""

    split: str
    value: str


@dataclass(frozen=True)
class Matrix:
    """A field a `row` and `column`, the darker the greater its `value`."""

    row: str
    column: str
    value: str


Chart = Periods | Parts | Ranking | Matrix


@dataclass(frozen=True)
class Figure:
    """`name` stands in its address; `function` is what the schema's comments explain.

    The query takes the parameters of View.parameters by name. `incomplete` are columns that count what is
    not known yet; `empty` says what to do where there is nothing. `by` are its own periods, whatever the
    page's are, and `note` says so.
    """

    name: str
    title: str
    function: str
    query: LiteralString
    columns: Sequence[Column]
    chart: Chart | None = None
    incomplete: Sequence[str] = ()
    empty: str = ""
    wide: bool = False
    by: str = ""
    note: str = ""

    def kind_of(self, column: str) -> Kind:
        return next(each.kind for each in self.columns if each.name == column)
